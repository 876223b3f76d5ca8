// PostGraphile over Closegraph's own tables, as its documentation advises for production: no watching, no GraphiQL, no
// explanations, a pool as large as Closegraph's. Relations are told by smart tags, since no foreign keys stand between
// mirrored tables.
import { PgAggregatesPreset } from '@graphile/pg-aggregates';
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { jsonPgSmartTags } from 'postgraphile/utils';
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter';

const ofCompany = (name) => ({ tags: { foreignKey: `(company_id) references company (id)|@foreignFieldName ${name}|@fieldName company` } });

// Dates can be grouped by month: the plugin has hours and days of timestamps.
const MonthsPlugin = {
  name: 'MonthsPlugin',
  version: '1.0.0',
  after: ['PgAggregatesSpecsPlugin'],
  schema: {
    hooks: {
      build(build) {
        const { TYPES } = build.dataplanPg;
        build.pgAggregateGroupBySpecs.push({
          id: 'truncated-to-month',
          isSuitableType: (codec) => codec === TYPES.date,
          sqlWrap: (value) => build.sql`date_trunc('month', ${value})::date`,
          sqlWrapCodec: (codec) => codec,
        });
        return build;
      },
    },
  },
};

export default {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, PostGraphileConnectionFilterPreset, PgAggregatesPreset],
  plugins: [
    MonthsPlugin,
    jsonPgSmartTags({
      version: 1,
      config: {
        class: {
          person: ofCompany('people'),
          transaction: ofCompany('transactions'),
          receivable: ofCompany('receivables'),
        },
        // No index starts with it, so that it would not be offered for filters.
        attribute: { 'receivable.payment_status': { tags: { behavior: ['+filterBy'] } } },
      },
    }),
  ],
  pgServices: [
    makePgService({ connectionString: process.env.PEER_POSTGRES_URL, schemas: ['public'], poolConfig: { max: 16 } }),
  ],
  grafserv: { port: Number(process.env.PEER_PORT), host: '127.0.0.1', watch: false, graphiql: false },
  grafast: { explain: false },
};
