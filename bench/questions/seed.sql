-- One connection with {companies} companies, three people, three transactions (two won deals and a payment) and two
-- invoices each, over three years up to today. Order of insertion is not the order of any index.
insert into connection (id, source, auth_method, status, organization_id, organization_name, currency, base_url)
values ('{connection}', 'close', 'api_key', 'active', 'orga_bench', 'Bench', 'USD', 'http://localhost/');

insert into member (id, connection_id, close_id, name, email, raw, source_updated_at)
select md5('user' || n)::uuid, '{connection}', 'user_' || n, 'Member ' || n, 'member' || n || '@example.com', '{}', '2026-01-01Z'
  from generate_series(1, 20) n;

insert into company (id, connection_id, close_id, name, domain, url, status_id, status_label, addresses, custom, raw,
       source_created_at, source_updated_at)
select md5('lead' || n)::uuid, '{connection}', 'lead_' || md5(n::text), initcap(left(md5('name' || n), 8)) || ' ' || n,
       'c' || n || '.example', 'https://www.c' || n || '.example', 'stat_' || n % 4,
       (array['Potential', 'Qualified', 'Customer', 'Lost'])[1 + n % 4],
       '[{"label": "business", "city": "Springfield", "country": "US"}]',
       jsonb_build_object('cf_1', 'Industry ' || n % 12, 'cf_2', n % 5000),
       jsonb_build_object('id', 'lead_' || md5(n::text), 'name', 'Company ' || n, 'description', repeat('lorem ipsum ', 30)),
       now() - (n % 1095) * interval '1 day' - (n % 86400) * interval '1 second', now() - (n % 700) * interval '1 hour'
  from generate_series(1, {companies}) n order by md5('order' || n);

insert into person (id, connection_id, close_id, company_id, name, title, primary_email, primary_phone, emails, phones, raw,
       source_created_at, source_updated_at)
select md5('cont' || n)::uuid, '{connection}', 'cont_' || md5(n::text), md5('lead' || 1 + (n - 1) / 3)::uuid,
       initcap(left(md5('first' || n), 6)) || ' ' || initcap(left(md5('last' || n), 9)), 'Title ' || n % 40,
       'p' || n || '@c' || 1 + (n - 1) / 3 || '.example', '+1' || 2000000000 + n,
       jsonb_build_array(jsonb_build_object('type', 'office', 'email', 'p' || n || '@c' || 1 + (n - 1) / 3 || '.example')),
       jsonb_build_array(jsonb_build_object('type', 'office', 'phone', '+1' || 2000000000 + n)),
       jsonb_build_object('id', 'cont_' || md5(n::text), 'name', 'Person ' || n),
       now() - (n % 1095) * interval '1 day', now() - (n % 700) * interval '1 hour'
  from generate_series(1, 3 * {companies}) n order by md5('order' || n);

insert into transaction (id, connection_id, close_id, kind, opportunity_id, receivable_id, company_id, person_id, owner_id,
       occurred_on, amount_minor, currency, billing_period, category, pipeline_id, pipeline_name, source_created_at, source_updated_at)
select md5('tran' || n)::uuid, '{connection}', case when n % 3 = 0 then 'custobj_' else 'oppo_' end || md5(n::text),
       case when n % 3 = 0 then 'invoice_payment' else 'won_deal' end,
       case when n % 3 > 0 then md5('oppo' || n)::uuid end, case when n % 3 = 0 then md5('recv' || n)::uuid end,
       md5('lead' || 1 + (n - 1) / 3)::uuid, md5('cont' || n)::uuid, md5('user' || 1 + n % 20)::uuid,
       current_date - (('x' || left(md5('day' || n), 6))::bit(24)::int % 1095),
       case when n % 50 > 0 then 10000 + (('x' || left(md5('amount' || n), 6))::bit(24)::int % 5000000) end,
       (array['USD', 'USD', 'EUR', 'GBP'])[1 + n % 4], 'one_time',
       (array['new_business', 'expansion', 'renewal', 'services', 'other'])[1 + n % 5], 'pipe_' || n % 3, 'Pipeline ' || n % 3,
       now() - (n % 1095) * interval '1 day', now() - (n % 700) * interval '1 hour'
  from generate_series(1, 3 * {companies}) n order by md5('order' || n);

insert into receivable (id, connection_id, close_id, company_id, person_id, number, status, status_label, payment_status,
       issued_on, due_on, paid_on, currency, currency_places, total_minor, tax_minor, paid_minor, balance_minor, flags,
       source_created_at, source_updated_at)
select md5('invo' || n)::uuid, '{connection}', 'custobj_' || md5('invo' || n), md5('lead' || 1 + (n - 1) / 2)::uuid,
       md5('cont' || 1 + (n - 1) * 3 / 2)::uuid, 'INV-' || n, case when p.paid = p.total then 'paid' else 'issued' end, 'Sent',
       case when p.paid = p.total then 'paid' when p.paid > 0 then 'partial' else 'unpaid' end,
       p.issued, p.issued + 30, case when p.paid = p.total then p.issued + 20 end,
       (array['USD', 'USD', 'EUR', 'GBP'])[1 + n % 4], 2, p.total, p.total / 5, p.paid, p.total - p.paid, '[]',
       now() - (n % 1095) * interval '1 day', now() - (n % 700) * interval '1 hour'
  from generate_series(1, 2 * {companies}) n
 cross join lateral (select current_date + 10 - (('x' || left(md5('issued' || n), 6))::bit(24)::int % 1095) as issued,
                            10000 + (n::bigint * 7919) % 900000 as total,
                            case when n % 10 < 8 then 10000 + (n::bigint * 7919) % 900000
                                 when n % 10 = 8 then 5000 else 0 end as paid) p
 order by md5('order' || n);
