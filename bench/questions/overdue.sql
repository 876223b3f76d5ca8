select coalesce(json_agg(json_build_object('id', r.id, 'number', r.number, 'dueOn', r.due_on,
           'balanceDue', json_build_object('minorUnits', r.balance_minor::text, 'currency', r.currency),
           'company', (select json_build_object('id', c.id, 'name', c.name) from company c where c.id = r.company_id))), '[]')
  from (select * from receivable
         where connection_id = '{connection}' and payment_status in ('unpaid', 'partial') and due_on < '{to}'
         order by due_on, id limit 50) r;
