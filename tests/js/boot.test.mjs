// The page's Trusted Types policy: what may become HTML, what may become a script's address.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownScript, plainHtml } from '../../public/boot.js';

const passes = [
  '',
  '<!>',
  '<!---->',
  '<div></div>',
  '<div class="a b"></div>',
  '<span aria-hidden="true">text &amp; more</span>',
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 4 L 20,20" stroke-width="2"></path><circle cx="1" cy="2" r="3"/></svg>',
  '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve"></svg>',
  '<a href="#/settings">x</a>',
  '<input type="text" disabled>',
  '<button type="button" title="">Send</button>',
  '<p>two\nlines</p>',
  '<img src="/icons/icon.svg" alt="">',
  '<a href="https://example.org/" rel="noreferrer">x</a>',
];

const throws = [
  '<script>alert(1)</script>',
  '<SCRIPT src="/x.js"></SCRIPT>',
  '<svg><script>alert(1)</script></svg>',
  '<style>*{}</style>',
  '<iframe src="/x"></iframe>',
  '<base href="/">',
  '<link rel="stylesheet" href="/x.css">',
  '<meta http-equiv="refresh" content="0">',
  '<form action="/x"></form>',
  '<object data="/x"></object>',
  '<embed src="/x">',
  '<template><b></b></template>',
  '<svg><foreignObject></foreignObject></svg>',
  '<svg><animate attributeName="href"></animate></svg>',
  '<svg><set attributeName="onload"></set></svg>',
  '<div onclick="x()"></div>',
  '<img src="x" onerror="x()">',
  '<img src="x" ONERROR="x()">',
  '<img src="x"\nonerror="x()">',
  "<img src='x' onerror='x()'>",
  '<img src=x onerror=x()>',
  '<img/src="x"/onerror="x()">',
  '<svg/onload="x()">',
  '<div style="color:red"></div>',
  '<iframe srcdoc="x"></iframe>',
  '<a href="javascript:x()">x</a>',
  '<a href=" JavaScript:x()">x</a>',
  '<a href="&#106;avascript:x()">x</a>',
  '<a href="java\nscript:x()">x</a>',
  '<a href="data:text/html,x">x</a>',
  '<a href="//example.org/">x</a>',
  '<svg><use xlink:href="data:image/svg+xml,x"></use></svg>',
  '<img src="https://example.org/x.png">',
  '<button formaction="/x"></button>',
  '<div class="a" id=b></div>',
  '<div',
  'a < b',
  'a > b',
  '<!-- a > b -->',
  '<!--><script>x()</script>-->',
  '<!DOCTYPE html>',
  '<?php ?>',
];

for (const html of passes) test(`passes ${JSON.stringify(html)}`, () => assert.equal(plainHtml(html), html));
for (const html of throws) test(`throws on ${JSON.stringify(html)}`, () => assert.throws(() => plainHtml(html), TypeError));

const origin = 'https://zwiebel.example';
test('only our two workers are script addresses', () => {
  assert.equal(ownScript('/worker.js', origin), `${origin}/worker.js`);
  assert.equal(ownScript('/sw.js', origin), `${origin}/sw.js`);
  for (const address of ['/boot.js', '/worker.js?x', '/worker.js#x', '/a/worker.js', '//evil.example/worker.js', 'https://evil.example/sw.js',
    'data:text/javascript,x', 'blob:x', 'javascript:x', '']) {
    assert.throws(() => ownScript(address, origin), TypeError, address);
  }
});
