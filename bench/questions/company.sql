select json_build_object('id', id, 'name', name, 'domain', domain) from company where connection_id = '{connection}' and id = '{company}';
