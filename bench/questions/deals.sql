select coalesce(json_agg(json_build_object('id', t.id, 'closeId', t.close_id, 'occurredOn', t.occurred_on,
           'amount', json_build_object('minorUnits', t.amount_minor::text, 'currency', t.currency),
           'company', (select json_build_object('id', c.id, 'name', c.name) from company c where c.id = t.company_id))), '[]')
  from (select * from transaction
         where connection_id = '{connection}' and kind = 'won_deal' and occurred_on >= '{from}' and occurred_on <= '{to}'
         order by occurred_on desc, id desc limit 50) t;
