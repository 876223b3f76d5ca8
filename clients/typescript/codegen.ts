import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../api/schema.graphql',
  documents: ['../questions.graphql', 'src/**/*.ts', 'test/**/*.ts'],
  generates: {
    // Types of the documents, and `graphql()` for those that stand in the code.
    'generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // Every scalar is text but JSON: JavaScript's numbers can't hold amounts, and its dates no day without a zone.
        scalars: {
          BigInt: { input: 'string | number', output: 'string' },
          CurrencyCode: 'string',
          Date: 'string',
          DateTime: 'string',
          Decimal: 'string',
          JSON: 'unknown',
        },
        strictScalars: true,
        enumsAsTypes: true,
        useTypeImports: true,
        importExtension: '.js',
      },
    },
    // Which types an interface has, for the cache.
    'generated/possibleTypes.ts': {
      plugins: ['fragment-matcher'],
    },
  },
};

export default config;
