/* A rule of `deno lint` for this project. */

/** @type {Deno.lint.Plugin} */
export default {
  name: 'lamella',
  rules: {
    'no-nested-templates': {
      create: (context) => ({
        'TemplateLiteral TemplateLiteral'(node) {
          context.report({
            node,
            message: 'rjsmin, through which scripts are sent, takes the inner template literal for code.',
            hint: 'Give it a name, or concatenate strings.',
          });
        },
      }),
    },
  },
};
