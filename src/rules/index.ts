export { type AutoSubscriptions, autoSubscriptionsSchema, type ReadPattern, rewriteRules, rewriteSchema } from './config.ts'
export { type Pattern, type RewriteRule, Rewriter } from './rewrite.ts'
