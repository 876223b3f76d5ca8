import companies from '../examples/companies.graphql?raw';
import companyPage from '../examples/company-page.graphql?raw';
import unmatched from '../examples/find-unmatched-records.graphql?raw';
import pipeline from '../examples/pipeline.graphql?raw';
import revenueTrend from '../examples/revenue-trend.graphql?raw';
import month from '../examples/summarise-this-month.graphql?raw';
import search from '../examples/search.graphql?raw';
import syncHealth from '../examples/sync-health.graphql?raw';
import unpaidInvoices from '../examples/unpaid-invoices.graphql?raw';
import needsAttention from '../examples/what-needs-attention.graphql?raw';
import wonRevenue from '../examples/won-revenue-this-quarter.graphql?raw';

export type Example = {
  title: string;
  about: string;
  query: string;
  variables?: string;
};

/** The first is what the page opens on. Each is checked against the API's schema by a test. */
export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    title: 'Won revenue this quarter',
    about: 'Per currency, against the quarter before, and the deals behind the figure.',
    query: wonRevenue,
  },
  {
    title: 'Revenue trend',
    about: 'This year by month, owner and company, won and collected.',
    query: revenueTrend,
  },
  {
    title: 'Unpaid invoices',
    about: 'The oldest due first, with what is left to pay, and how late all of it is.',
    query: unpaidInvoices,
  },
  {
    title: 'This month',
    about: 'New companies and people, won, collected, invoiced and outstanding.',
    query: month,
  },
  {
    title: 'Pipeline',
    about: 'Open deals by stage, weighted by confidence.',
    query: pipeline,
  },
  {
    title: 'What needs attention',
    about: 'Overdue, never invoiced, stalled or stopped, the most urgent first.',
    query: needsAttention,
  },
  {
    title: 'Unmatched records',
    about: 'Deals without invoices and the like, with what may be missing.',
    query: unmatched,
  },
  {
    title: 'Search',
    about: 'Records of every type by name, address, number or id, typos forgiven.',
    query: search,
    variables: '{\n  "text": "…"\n}',
  },
  {
    title: 'Companies',
    about: 'Those that changed last, with their Close ids.',
    query: companies,
  },
  {
    title: 'Company page',
    about: 'One company by its Close id: people, deals, history.',
    query: companyPage,
    variables: '{\n  "closeId": "lead_…"\n}',
  },
  {
    title: 'Sync health',
    about: 'How far behind the mirror is, and what failed.',
    query: syncHealth,
  },
];
