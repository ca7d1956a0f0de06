import { expect, test } from 'vitest';
import { warningsAboutListeners } from '../../src/core/listener-warnings.ts';
import { aListener } from '../support/model.ts';

test.each([
  {
    trustedProxies: ['10.0.0.0/8', '0.0.0.0/0'],
    proxyProtocol: ['::/1'],
    warned: ['"trustedProxies" of listener "web" believes all of 0.0.0.0/0'],
  },
  { trustedProxies: ['::/0'], proxyProtocol: [], warned: ['"trustedProxies" of listener "web" believes all of ::/0'] },
  { trustedProxies: [], proxyProtocol: ['::/0', '0.0.0.0/0'], warned: ['"proxyProtocol.from" of listener "web" believes all of ::/0'] },
  { trustedProxies: ['10.0.0.0/10', '0.0.0.0/1', '10.0.0.7/32'], proxyProtocol: ['fd00::/8', '::/128'], warned: [] },
])('where everybody is believed about clients there is a warning: $trustedProxies, $proxyProtocol', ({ warned, ...networks }) => {
  const said = warningsAboutListeners([aListener('web', networks), aListener('other')]);
  expect(said).toEqual(warned.map((start) => expect.stringContaining(`${start}, so every client can pass for any other; `)));
});
