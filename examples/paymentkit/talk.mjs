// The published client, driven line by line: reads {"call": "meters.create", "with": [...]} and answers {"ok": …} or what it was refused with.
import payment from '@blocklet/payment-js';
import { createInterface } from 'node:readline';

console.log(JSON.stringify({ ok: 'ready' }));
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const names = asked.call.split('.');
  const method = names.pop();
  const resource = names.reduce((found, name) => found[name], payment);
  try {
    const ok = await resource[method](...asked.with);
    console.log(JSON.stringify({ ok: ok === undefined ? null : ok }));
  } catch (error) {
    console.log(JSON.stringify({ status: error.response?.status ?? 0, error: error.response?.data ?? error.message }));
  }
}
