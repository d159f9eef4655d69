import t from 'tap'
import { placeholderFault, type RewriteRule, Rewriter } from '#rules/rewrite.ts'

const who = { clientId: 'pump/7', username: 'ann' }
const nameless = { clientId: 'pump', username: undefined }

function rewriter(...rules: Partial<RewriteRule>[]): Rewriter {
  return new Rewriter(
    rules.map(rule => ({ action: 'all', from: '#', to: '${topic}', ...rule })),
    () => 'gw-1',
  )
}

t.test('a topic is rewritten by what the wildcards matched', async t => {
  const one = rewriter({ from: 'old/+/#', to: 'new/${1}/x/${rest}' })
  t.equal(one.topic('old/a/b/c', who), 'new/a/x/b/c')
  t.equal(one.topic('other/a/b', who), 'other/a/b', 'others stay')
  t.equal(one.topic('old/a', who), 'new/a/x', '# matches the level above as well')
})

t.test('the groups of a pattern take the place of wildcards', async t => {
  const expression = /^x\/(\w+)-(\d+)$/
  const one = rewriter({ from: 'x/+', pattern: { expression, lengthMax: 50 }, to: '${2}/${1}' })
  t.equal(one.topic('x/pump-12', who), '12/pump')
  t.equal(one.topic('x/pump', who), 'x/pump', 'the pattern must match too')
  t.equal(one.topic(`x/${'a'.repeat(60)}-1`, who), `x/${'a'.repeat(60)}-1`, 'it is not run on a text that is too long for it')
})

t.test('the first rule that matches counts', async t => {
  const two = rewriter({ from: 'a/+', to: 'first/${1}' }, { from: 'a/b', to: 'second' })
  t.equal(two.topic('a/b', who), 'first/b')
})

t.test('rules are for publishes, subscriptions or both', async t => {
  const two = rewriter({ action: 'publish', from: 'p/#', to: 'q/${rest}' }, { action: 'subscribe', from: 's/#', to: 'r/${rest}' })
  t.equal(two.topic('s/1', who), 's/1')
  t.equal(two.topic('p/1', who), 'q/1')
  t.equal(two.filter('p/1', who), 'p/1')
  t.equal(two.filter('s/1', who), 'r/1')
  t.equal(two.publishes, true)
  t.equal(rewriter({ action: 'subscribe' }).publishes, false)
})

t.test('wildcards of a filter that is subscribed to are taken over, and the group of a shared one stays', async t => {
  const one = rewriter({ from: 'old/+/#', to: 'new/${1}/${rest}' })
  t.equal(one.filter('old/+/#', who), 'new/+/#')
  t.equal(one.filter('$share/g/old/a/b', who), '$share/g/new/a/b')
  t.equal(one.filter('$queue/old/a/b', who), '$queue/new/a/b')
})

t.test('the client, its user and the gateway can be named, each as one level', async t => {
  const one = rewriter({ from: 'up/#', to: '${gateway}/${client}/${username}/${rest}' })
  t.equal(one.topic('up/x', who), 'gw-1/pump%2F7/ann/x')
  t.equal(one.topic('up/x', nameless), 'up/x', 'without a user name nothing is rewritten to it')
  t.equal(one.dependsOnClient, true)
  t.equal(rewriter({ to: '${gateway}/${topic}' }).dependsOnClient, false)
})

t.test('a leading wildcard is not for topics that begin with $', async t => {
  t.equal(rewriter({ from: '#', to: 'x/${topic}' }).topic('$SYS/a', who), '$SYS/a')
  t.equal(rewriter({ from: '$SYS/#', to: 'x/${rest}' }).topic('$SYS/a', who), 'x/a')
})

t.test('placeholders that stand for nothing are faults', async t => {
  t.match(placeholderFault('${rest}', 'a/+', undefined), /no #/)
  t.match(placeholderFault('${2}', 'a/+', undefined), /"from" has 1 \+/)
  t.match(placeholderFault('${2}', 'a/+', 1), /"pattern" has 1 groups/)
  t.match(placeholderFault('${what}', 'a/+', undefined), /no meaning/)
  t.equal(placeholderFault('${1}/${topic}/${client}', 'a/+/#', undefined), undefined)
})
