select coalesce(json_agg(json_build_object('currency', m.currency, 'from', m.month, 'total', m.total::text, 'count', m.count)
                order by m.currency, m.month), '[]')
  from (select currency, date_trunc('month', occurred_on)::date as month, sum(amount_minor) as total, count(*) as count
          from transaction
         where connection_id = '{connection}' and kind = 'won_deal' and occurred_on >= '{year}' and occurred_on <= '{to}'
         group by 1, 2) m;
