select coalesce(json_agg(json_build_object('id', c.id, 'name', c.name,
           'transactions', (select coalesce(json_agg(json_build_object('id', t.id, 'occurredOn', t.occurred_on,
                                'amount', json_build_object('minorUnits', t.amount_minor::text, 'currency', t.currency))), '[]')
                              from (select * from transaction where company_id = c.id order by occurred_on desc, id desc limit 5) t),
           'people', (select coalesce(json_agg(json_build_object('id', p.id, 'name', p.name, 'primaryEmail', p.primary_email)), '[]')
                        from (select * from person where company_id = c.id limit 5) p))), '[]')
  from (select * from company where connection_id = '{connection}' order by name, id limit 50) c;
