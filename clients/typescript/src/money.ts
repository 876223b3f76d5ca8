import type { AmountFragment } from '../generated/graphql.js';

/** Sums in minor units, which are exact, apart for each currency. An unknown amount adds nothing. */
export function sums(amounts: readonly (AmountFragment | null | undefined)[]): Map<string, bigint> {
  const totals = new Map<string, bigint>();
  for (const amount of amounts) {
    if (amount) totals.set(amount.currency, (totals.get(amount.currency) ?? 0n) + BigInt(amount.minorUnits));
  }
  return totals;
}
