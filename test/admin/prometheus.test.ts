import t from 'tap'
import { metricFamilies } from '#admin/metrics.ts'
import { prometheusText } from '#admin/prometheus.ts'
import { fakeControl } from './fake-control.ts'

t.test('metrics come out in the text format, with their labels escaped', async t => {
  const text = prometheusText(metricFamilies(fakeControl()))
  for (const line of [
    '# HELP tidegate_messages_received_total Messages taken, by QoS.',
    '# TYPE tidegate_messages_received_total counter',
    'tidegate_messages_received_total{qos="2"} 3',
    'tidegate_messages_dropped_total{reason="not-authorized"} 5',
    'tidegate_store_condition{condition="ok"} 1',
    'tidegate_store_condition{condition="full"} 0',
    'tidegate_listener_connections{listener="local",protocol="mqtt",transport="tcp"} 2',
    'tidegate_listener_events_total{listener="local",event="refused-full"} 1',
    'tidegate_bridge_state{bridge="cloud",state="waiting"} 1',
    'tidegate_bridge_queued_messages{bridge="cloud"} 12',
    'tidegate_extra{a="x\\"y\\n"} 1',
    'tidegate_ready 1',
  ]) {
    t.ok(text.includes(`${line}\n`), line)
  }
})

t.test('every line is a comment or a sample, every family has its head once, and every counter ends in _total', async t => {
  const families = metricFamilies(fakeControl())
  for (const line of prometheusText(families).trimEnd().split('\n')) {
    t.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^\n]*"(,[a-z_]+="[^\n]*")*\})? [-+0-9.e]+)$/)
  }
  const names = families.map(family => family.name)
  t.equal(new Set(names).size, names.length)
  for (const { name, type } of families) t.equal(name.endsWith('_total'), type === 'counter', name)
})

t.test('a family without samples is left out, and infinity is written as Prometheus wants it', async t => {
  t.equal(prometheusText([{ name: 'a', type: 'gauge', help: 'x', samples: [] }]), '')
  t.match(prometheusText([{ name: 'a', type: 'gauge', help: 'x', samples: [{ value: Number.POSITIVE_INFINITY }] }]), 'a +Inf\n')
})
