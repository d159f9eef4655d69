import { ok } from '../answer.ts'
import { metricFamilies } from '../metrics.ts'
import { PROMETHEUS_TYPE, prometheusText } from '../prometheus.ts'
import type { Route } from '../router.ts'

/** The same figures for Prometheus and as JSON. */
export const metricRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/metrics',
    summary: "Metrics in Prometheus' text format",
    open: true,
    handle: (_request, control) => ({ status: 200, text: prometheusText(metricFamilies(control)), type: PROMETHEUS_TYPE }),
  },
  {
    method: 'GET',
    path: '/api/v1/metrics',
    summary: 'Metrics as JSON',
    handle: (_request, control) => ok({ data: metricFamilies(control) }),
  },
]
