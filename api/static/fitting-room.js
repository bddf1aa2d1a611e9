/* Built by scripts/widget from shopify/widget. Apache-2.0 */
(()=>{var C=typeof EventSource=="function";async function P(o,t,e){return C&&await ot(`${o}/events`,e)||st(t,e)}var M=({status:o})=>o==="COMPLETED"||o==="FAILED";function ot(o,t){return new Promise(e=>{let i=new EventSource(o),a,s=r=>{C=!!r,clearTimeout(a),i.close(),e(r)},n=()=>{clearTimeout(a),a=setTimeout(s,5e3)};i.addEventListener("error",()=>s()),i.addEventListener("generation",({data:r})=>{let d=JSON.parse(r);n(),t(d),M(d)&&s(d)}),n()})}async function st(o,t){for(let e=0;;){try{let i=await o();if(e=0,t(i),M(i))return i}catch(i){if(e+=navigator.onLine,i.code==="GENERATION_NOT_FOUND"||e>10)throw i}await new Promise(i=>setTimeout(i,2e3))}}var nt="fitting-room:client",_="fitting-room:photo",N="fitting-room:answered",rt,k=!1;function D(){try{return localStorage[nt]||=h()}catch{return rt||=h()}}var h=()=>crypto.randomUUID?.()??"10000000-1000-4000-8000-100000000000".replace(/[018]/g,o=>(o^crypto.getRandomValues(new Uint8Array(1))[0]&15>>o/4).toString(16));function R(){k=!0;try{localStorage[N]="yes"}catch{}}function U(){try{return k||N in localStorage}catch{return k}}async function $(o){try{let t=await ct(o.blob);sessionStorage[_]=JSON.stringify({id:o.id,fileId:o.fileId,consent:o.consent,bytes:t})}catch{E()}}function j(){try{let{bytes:o,...t}=JSON.parse(sessionStorage[_]),[e,i]=o.split(","),a=Uint8Array.from(atob(i),s=>s.charCodeAt(0));return{...t,blob:new Blob([a],{type:e.slice(5,-7)})}}catch{return null}}function E(){try{sessionStorage.removeItem(_)}catch{}}var ct=o=>new Promise((t,e)=>{let i=new FileReader;i.onload=()=>t(i.result),i.onerror=e,i.readAsDataURL(o)});var dt=3e4,lt=20*1024*1024,c=class extends Error{constructor(t,e=""){super(e),this.code=t}};function G(o){let t=i=>`${o}/public/${i}`,e=i=>`${t(i)}?client_id=${D()}`;return{facts:()=>l("GET",t("widget")),isOpen:()=>l("GET",t("check-credits")).then(({allowed:i})=>i!==!1,()=>!0),async send(i,a,s){if(i.blob.size>lt)throw new c("TOO_LARGE","This photograph is larger than 20 MB. Please choose a smaller one.");let{uploadUrl:n,uploadKey:r}=await f(l("POST",e("prepare-upload"),void 0,s));return await ht(n,i.blob,a,s),l("POST",t("upload-complete"),{uploadKey:r,...i.consent},s)},generate:(i,a)=>l("POST",e("fitting-room"),i,void 0,{"Idempotency-Key":a}),generation:i=>l("GET",t(`generation/${i}`)),follow:(i,a)=>P(t(`generation/${i}`),()=>l("GET",t(`generation/${i}`)),a),cancel:i=>l("DELETE",t(`generation/${i}`)),download:i=>t(`generation/${i}/download`),share:i=>f(l("POST",t("share-generation"),{generationId:i,effectiveDomain:location.hostname})),collect:(i,a)=>f(l("POST",e("collect-email"),{email:i,marketingConsent:a})),async forget(i){i&&await l("DELETE",t(`image/${i}`)).catch(pt("IMAGE_NOT_FOUND")),await f(l("DELETE",e("me")))}}}var f=o=>o.catch(t=>{throw t.code==="RATE_LIMIT_EXCEEDED"?new c("TOO_OFTEN",t.message):t});async function l(o,t,e,i,a){let s=e&&{headers:{"Content-Type":"application/json",...a},body:JSON.stringify(e)},n=AbortSignal.timeout(dt),r=i&&AbortSignal.any?AbortSignal.any([i,n]):i??n,d;try{d=await fetch(t,{method:o,...s,signal:r})}catch(u){throw i?.aborted?u:new c("offline")}let p=await d.json().catch(()=>null);if(!d.ok||p?.code||p===null)throw new c(p?.code??"trouble",p?.message);return p}function ht(o,t,e,i){return new Promise((a,s)=>{let n=new XMLHttpRequest;n.open("PUT",o),n.setRequestHeader("Content-Type","application/octet-stream"),n.responseType="json",n.upload.addEventListener("progress",({loaded:r,total:d})=>e(r/d)),n.addEventListener("load",()=>{let{message:r,code:d}=n.response??{};n.status<300?a():s(new c(d??"trouble",r))}),n.addEventListener("error",()=>s(new c("offline"))),n.addEventListener("abort",()=>s(i.reason)),i?.addEventListener("abort",()=>n.abort()),n.send(t)})}var pt=o=>t=>{if(t.code!==o)throw t};var ut=2e3,ft=50,m=new Map,S;function q(o,t,e){if(H()){let i={event:t,properties:e,timestamp:new Date().toISOString(),$insert_id:h()};m.set(o,[...m.get(o)??[],i]),S??=setTimeout(T,ut)}}addEventListener("pagehide",T);document.addEventListener("visibilitychange",()=>document.hidden&&T());function H(){let{customerPrivacy:o,designMode:t}=window.Shopify??{};try{return!t&&!navigator.globalPrivacyControl&&o?.analyticsProcessingAllowed?.()!==!1}catch{return!1}}function T(){clearTimeout(S),S=void 0,H()&&m.forEach((o,t)=>gt(`${t}/public/tracking/events`,{events:o.slice(0,ft),context:mt()})),m.clear()}var mt=()=>({$pathname:location.pathname,$viewport_width:innerWidth,$viewport_height:innerHeight});function gt(o,t){try{let e=new Blob([JSON.stringify(t)],{type:"application/json"});navigator.sendBeacon?.(o,e)||fetch(o,{method:"POST",body:e,keepalive:!0}).catch(()=>{})}catch{}}var F=`<section class="room" aria-labelledby="title">
  <header class="head">
    <h2 id="title" tabindex="-1" data-word="title"></h2>
    <button class="close" type="button" data-act="close" data-label="close">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="m6 6 12 12M18 6 6 18"/></svg>
    </button>
  </header>

  <div class="stage" id="stage">
    <div class="empty" data-in="choose closed">
      <svg viewBox="8 8 64 86" aria-hidden="true"><path d="M40 12a11 11 0 1 1 0 22 11 11 0 0 1 0-22ZM16 92V70c0-13 8-23 17-25l7 5 7-5c9 2 17 12 17 25v22M27 92V68m26 24V68"/></svg>
      <div class="choose" data-in="choose">
        <p class="small"><span data-word="choose_hint"></span> <span class="drop" data-word="drop"></span></p>
        <label class="consent"><input id="agree" type="checkbox" disabled><span data-word="consent"></span></label>
        <p class="small"><span id="retention"></span> <a id="privacy" target="_blank" rel="noopener" data-word="privacy" hidden></a></p>
      </div>
    </div>
    <img class="picture" id="before" alt="" data-in="sending ready working done">
    <img class="picture after" id="after" alt="" data-in="done">
    <video class="picture film" id="film" playsinline muted data-in="camera" data-label="camera_hint"></video>
    <span class="count" id="count" data-in="camera" aria-hidden="true"></span>
    <span class="tag tag-before" data-in="done" data-word="before" aria-hidden="true"></span>
    <span class="tag tag-after" data-in="done" data-word="after" aria-hidden="true"></span>
    <input class="split" id="split" type="range" dir="ltr" min="0" max="100" value="50" data-in="done" data-label="compare" data-main>
    <span class="seam" data-in="done" aria-hidden="true"><span class="grip"><svg viewBox="0 0 24 24"><path d="m9 6-6 6 6 6m6-12 6 6-6 6"/></svg></span></span>
    <div class="working" data-in="sending working">
      <p id="progress-words"></p>
      <progress id="progress" max="100" value="0" data-label="progress"></progress>
    </div>
  </div>

  <div class="side">
    <div class="product" part="product">
      <img id="garment" alt="" width="48" height="60">
      <div>
        <p class="name" id="name"></p>
        <label class="version" id="version" hidden><span class="ears" data-word="version"></span><select id="versions"></select></label>
      </div>
    </div>

    <p class="small" data-in="camera" data-word="camera_hint"></p>

    <div class="told">
      <p class="status" id="status" role="status"></p>
      <p class="trouble" id="trouble" role="alert"></p>
      <p class="link" id="link" hidden><a id="link-there" target="_blank" rel="noopener"></a></p>
    </div>

    <div class="actions" part="actions">
      <button class="main" type="button" data-act="upload" data-in="choose" data-word="upload" data-main></button>
      <button type="button" id="take" data-act="take" data-in="choose" data-word="take"></button>
      <button class="main" type="button" id="shoot" data-act="shoot" data-in="camera" data-word="shoot" data-main></button>
      <button class="main" type="button" id="try" data-act="try" data-in="ready" data-word="try" data-main></button>
      <button type="button" data-act="cancel" data-in="sending working" data-word="cancel" data-main></button>
      <button class="main" type="button" id="cart" data-act="cart" data-in="done" data-word="cart"></button>
      <button type="button" data-act="share" data-in="done" data-word="share"></button>
      <a class="button" id="download" download="try-on.png" data-act="download" data-in="done" data-word="download"></a>
      <button type="button" id="back" data-act="back" data-in="camera" data-word="back"></button>
    </div>
    <p class="after-thoughts" data-in="ready done">
      <button class="plain" type="button" data-act="again" data-in="done" data-word="again"></button>
      <button class="plain" type="button" id="another" data-act="another"></button>
      <button class="plain" type="button" id="delete" data-act="delete" data-word="delete"></button>
    </p>
    <p class="small" id="made" data-in="done"></p>
    <form class="letter" id="letter" data-in="" novalidate>
      <label for="email" data-word="email"></label>
      <p class="small" id="email-why" data-word="email_why"></p>
      <div class="line">
        <input id="email" type="email" autocomplete="email" maxlength="320" aria-describedby="email-why email-trouble">
        <button id="leave" data-word="email_leave"></button>
      </div>
      <p class="trouble" id="email-trouble" role="alert"></p>
      <label class="consent"><input id="marketing" type="checkbox"><span data-word="email_marketing"></span></label>
      <button class="plain" type="button" data-act="skip" data-word="email_skip"></button>
    </form>
    <input id="file" type="file" accept="image/jpeg,image/png,image/webp,image/heic,image/heif" hidden>
    <input id="capture" type="file" accept="image/*" capture="user" hidden>
  </div>
</section>
`;function V(o,t,e){let i=()=>{let s=100-t.value;o.style.setProperty("--split",`${t.value}%`),t.setAttribute("aria-valuetext",e("split",{before:`${t.value} %`,after:`${s} %`}))},a=({clientX:s})=>{let{left:n,width:r}=o.getBoundingClientRect();t.value=Math.round(100*(s-n)/r),i()};return t.addEventListener("input",i),o.addEventListener("pointerdown",s=>{t.hidden||s.button!==0||(o.setPointerCapture(s.pointerId),a(s),s.preventDefault(),t.focus({preventScroll:!0}))}),o.addEventListener("pointermove",s=>{o.hasPointerCapture(s.pointerId)&&a(s)}),()=>{t.value=50,i()}}var Y=`:host {
  --fr-accent: var(--fitting-room-accent, #1c1c1c);
  --fr-on-accent: var(--fitting-room-on-accent, #fff);
  --fr-ground: var(--fitting-room-ground, #fff);
  --fr-ink: var(--fitting-room-ink, #1c1c1c);
  --fr-soft-ink: var(--fitting-room-soft-ink, #5c5c5c);
  --fr-sunken: var(--fitting-room-sunken, #f1efec);
  --fr-line: var(--fitting-room-line, #c9c6c1);
  --fr-trouble: var(--fitting-room-trouble, #9b2226);
  --fr-trouble-ground: var(--fitting-room-trouble-ground, #fbe9e6);
  --fr-round: var(--fitting-room-radius, 14px);
  --fr-button-round: var(--fitting-room-button-radius, 8px);

  display: block;
}

:host([hidden]),
[hidden] {
  display: none !important;
}

*,
*::before,
*::after {
  box-sizing: border-box;
}

h2,
p {
  margin: 0;
}

/* The dialog: a sheet over the whole screen on a phone */

dialog {
  width: min(920px, 100vw - 48px);
  max-width: none;
  max-height: calc(100dvh - 32px);
  padding: 0;
  overflow: auto;
  overscroll-behavior: contain;
  border: 0;
  border-radius: var(--fr-round);
  background: var(--fr-ground);
  box-shadow: 0 24px 80px rgb(0 0 0 / 32%);
}

dialog::backdrop {
  background: rgb(20 18 16 / 58%);
}

dialog[open] {
  animation: rise 0.22s ease-out;
}

@keyframes rise {
  from {
    opacity: 0;
    transform: translateY(14px);
  }
}

@media (max-width: 640px) {
  dialog {
    width: 100vw;
    height: 100dvh;
    max-height: none;
    margin: 0;
    border-radius: 0;
  }
}

/* Its room. What a theme sets for its own texts ends here, but for the font. */

.room {
  display: grid;
  gap: 12px;
  color: var(--fr-ink);
  font-size: 16px;
  font-style: normal;
  font-weight: 400;
  line-height: 1.45;
  letter-spacing: normal;
  text-align: start;
  text-transform: none;
  white-space: normal;
}

dialog .room {
  --widest: calc((100dvh - 364px) * 0.8);

  padding: 0 16px max(16px, env(safe-area-inset-bottom));
}

.head {
  display: flex;
  align-items: center;
  justify-content: space-between;
  min-height: 56px;
}

:host([inline]) .head {
  display: none;
}

h2 {
  font: inherit;
  font-size: 20px;
  font-weight: 600;
  outline: 0;
}

@media (min-width: 641px) {
  dialog .room {
    --widest: calc((100dvh - 140px) * 0.8);

    grid-template: auto 1fr / minmax(0, 1.1fr) minmax(0, 1fr);
    gap: 0 28px;
    padding: 4px 24px 24px;
  }

  dialog .head {
    grid-column: 1 / -1;
  }
}

:focus-visible {
  outline: 3px solid var(--fr-accent);
  outline-offset: 2px;
}

.ears {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

svg {
  fill: none;
  stroke: currentcolor;
  stroke-width: 1.8;
  stroke-linecap: round;
  stroke-linejoin: round;
}

/* The stage: always 4:5, as the server's pictures are */

.stage {
  --split: 50%;

  position: relative;
  width: min(100%, max(260px, var(--widest, 100%)));
  margin: 0 auto;
  overflow: hidden;
  aspect-ratio: 4 / 5;
  border-radius: var(--fr-round);
  background: var(--fr-sunken);
  touch-action: pan-y;
  user-select: none;
  -webkit-user-select: none;
}

.picture {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  object-fit: cover;
  object-position: 50% 10%;
  pointer-events: none;
}

.picture:not([src]):not(.film) {
  visibility: hidden;
}

.after {
  clip-path: inset(0 0 0 var(--split));
}

.film {
  transform: scaleX(-1);
}

.empty {
  position: absolute;
  inset: 12px;
  display: flex;
  flex-direction: column;
  gap: 14px;
  padding: 16px;
  overflow: auto;
  border: 1.5px dashed var(--fr-line);
  border-radius: calc(var(--fr-round) - 4px);
  color: var(--fr-ink);
}

.empty svg {
  flex: 1 1 0;
  min-height: 0;
  color: var(--fr-soft-ink);
  stroke-width: 1.2;
  opacity: 0.55;
}

.is-target .empty {
  border-color: var(--fr-accent);
  background: rgb(255 255 255 / 40%);
}

@media (pointer: coarse) {
  .drop {
    display: none;
  }
}

.count {
  position: absolute;
  inset: 0;
  display: grid;
  place-items: center;
  color: #fff;
  font-size: 120px;
  font-weight: 700;
  text-shadow: 0 2px 24px rgb(0 0 0 / 60%);
}

.split {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  margin: 0;
  opacity: 0;
  pointer-events: none;
}

[data-step="done"] .stage {
  cursor: ew-resize;
}

.seam {
  position: absolute;
  inset: 0 auto 0 var(--split);
  width: 2px;
  margin-left: -1px;
  background: #fff;
  box-shadow: 0 0 8px rgb(0 0 0 / 45%);
  pointer-events: none;
}

.grip {
  position: absolute;
  top: 50%;
  left: 50%;
  display: grid;
  width: 44px;
  height: 44px;
  place-items: center;
  border-radius: 50%;
  background: #fff;
  color: #1c1c1c;
  box-shadow: 0 2px 10px rgb(0 0 0 / 35%);
  transform: translate(-50%, -50%);
}

.grip svg {
  width: 22px;
}

.split:focus-visible ~ .seam .grip {
  outline: 3px solid #1c1c1c;
  outline-offset: 2px;
}

.tag {
  position: absolute;
  top: 14px;
  padding: 3px 12px;
  border-radius: 99px;
  background: rgb(20 16 12 / 72%);
  color: #fff;
  font-size: 13px;
  pointer-events: none;
}

.tag-before {
  left: 14px;
}

.tag-after {
  right: 14px;
}

.working {
  position: absolute;
  inset: auto 0 0;
  display: grid;
  gap: 10px;
  padding: 72px 20px 20px;
  background: linear-gradient(transparent, rgb(20 14 8 / 84%));
  color: #fff;
  font-weight: 600;
  font-variant-numeric: tabular-nums;
}

progress {
  width: 100%;
  height: 6px;
  overflow: hidden;
  border: 0;
  border-radius: 3px;
  appearance: none;
  background: rgb(255 255 255 / 30%);
}

progress::-webkit-progress-bar {
  background: transparent;
}

progress::-webkit-progress-value {
  border-radius: 3px;
  background: #fff;
  transition: width 0.25s;
}

progress::-moz-progress-bar {
  border-radius: 3px;
  background: #fff;
}

/* A glint that crosses the picture while it is made. */
.stage::after {
  content: "";
  position: absolute;
  inset: 0;
  background: linear-gradient(105deg, transparent 40%, rgb(255 255 255 / 32%) 50%, transparent 60%);
  opacity: 0;
  transform: translateX(-100%);
  pointer-events: none;
}

:is([data-step="working"], [data-step="sending"]) .stage::after {
  opacity: 1;
  animation: glint 1.8s ease-in-out infinite;
}

@keyframes glint {
  to {
    transform: translateX(100%);
  }
}

/* Beside it: what is worn, what is told, what can be done */

.side {
  display: flex;
  flex-direction: column;
  gap: 12px;
  min-width: 0;
}

.product {
  display: flex;
  align-items: center;
  gap: 12px;
  min-height: 60px;
}

.product > div {
  display: grid;
  gap: 4px;
  justify-items: start;
  min-width: 0;
}

#garment {
  flex: none;
  border-radius: 8px;
  background: var(--fr-sunken);
  object-fit: cover;
}

#garment:not([src]) {
  visibility: hidden;
}

.name {
  display: -webkit-box;
  overflow: hidden;
  font-weight: 600;
  overflow-wrap: anywhere;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3;
}

select {
  max-width: 100%;
  min-height: 44px;
  padding: 0 8px;
  border: 1px solid var(--fr-line);
  border-radius: var(--fr-button-round);
  background: var(--fr-ground);
  color: inherit;
  font: inherit;
  font-size: 16px;
}

.choose {
  display: grid;
  gap: 12px;
}

.consent {
  display: flex;
  gap: 10px;
  align-items: start;
  cursor: pointer;
}

.consent input {
  flex: none;
  width: 22px;
  height: 22px;
  margin: 1px 0 0;
  accent-color: var(--fr-accent);
}

/* The e-mail address that may be left */

.letter {
  display: grid;
  gap: 8px;
  padding-top: 14px;
  border-top: 1px solid var(--fr-line);
}

.letter > label:first-child {
  font-weight: 600;
}

.line {
  display: flex;
  flex-wrap: wrap;
  gap: 10px;
}

#email {
  flex: 4 1 180px;
  min-width: 0;
  min-height: 48px;
  padding: 0 12px;
  border: 1px solid var(--fr-line);
  border-radius: var(--fr-button-round);
  background: var(--fr-ground);
  color: inherit;
  font: inherit;
}

#email[aria-invalid="true"] {
  border-color: var(--fr-trouble);
}

.letter .plain {
  justify-self: start;
}

.small,
.after-thoughts {
  color: var(--fr-soft-ink);
  font-size: 14px;
}

a {
  color: inherit;
}

.told {
  min-height: 2.9em; /* two lines, so that nothing below moves */
}

.status {
  color: var(--fr-soft-ink);
}

.status,
.trouble {
  scroll-margin-block-end: 6rem; /* clear of the buttons, which stick to the bottom */
}

.trouble:not(:empty) {
  padding: 10px 14px;
  border-radius: var(--fr-button-round);
  background: var(--fr-trouble-ground);
  color: var(--fr-trouble);
}

.link {
  overflow-wrap: anywhere;
}

.actions {
  position: sticky;
  bottom: 0;
  display: flex;
  flex-wrap: wrap;
  gap: 10px;
  padding: 4px 0;
  background: var(--fr-ground);
}

@media (max-height: 480px) {
  .actions {
    position: static; /* else a phone that lies on its side shows little else */
  }
}

button,
.button {
  display: inline-grid;
  flex: 1 1 auto;
  min-height: 48px;
  padding: 8px 18px;
  place-items: center;
  border: 1px solid var(--fr-line);
  border-radius: var(--fr-button-round);
  background: var(--fr-ground);
  color: var(--fr-ink);
  font: inherit;
  font-weight: 600;
  line-height: 1.2;
  text-align: center;
  text-decoration: none;
  cursor: pointer;
}

:is(button, .button):hover {
  border-color: var(--fr-ink);
}

.main {
  flex-basis: 100%;
  border-color: var(--fr-accent);
  background: var(--fr-accent);
  color: var(--fr-on-accent);
}

.main:hover {
  border-color: var(--fr-accent);
  background: color-mix(in srgb, var(--fr-accent) 88%, var(--fr-ink));
}

button:disabled {
  opacity: 0.5;
  cursor: default;
}

.close {
  flex: none;
  width: 44px;
  min-height: 44px;
  margin-inline-end: -10px;
  padding: 0;
  border-color: transparent;
  background: none;
}

.close svg {
  width: 24px;
}

.after-thoughts {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 20px;
}

.plain {
  flex: none;
  min-height: 32px;
  padding: 0;
  border: 0;
  background: none;
  color: inherit;
  font-weight: 400;
  text-decoration: underline;
  text-underline-offset: 3px;
}

@media (prefers-reduced-motion: reduce) {
  *,
  *::before,
  *::after {
    animation: none !important;
    transition: none !important;
  }
}

@media (forced-colors: active) {
  .seam,
  progress::-webkit-progress-value {
    background: CanvasText;
  }
}
`;var yt={title:"Try it on",close:"Close",choose_hint:"A photo of you from the front, arms visible, in good light.",drop:"You can drop it here.",consent:"I agree that my photo is sent to this shop’s fitting room to make the pictures I ask for.",consent_needed:"Please tick the box first: your photo is only sent if you agree.",retention:"Your photo is deleted after {photo}, the pictures after {pictures}, and both whenever you say so.",privacy:"Privacy policy",take:"Take a photo",upload:"Choose a photo",camera_hint:"Step back until your arms can be seen. The photo is taken after 3 seconds.",camera_refused:"The camera cannot be used. Allow it in your browser’s settings, or choose a photo.",shoot:"Take the photo",back:"Back",your_photo:"Your photo",preparing:"Preparing your photo …",sending:"Sending your photo · {percent}",photo_ready:"Your photo is ready.",version:"Version",try:"Try it on",another:"Another photo",own:"Use my own photo",again:"Make another",waiting:"{count} ahead of you",next:"You are next",dressing:"Making your picture · {percent}",progress:"Progress of your picture",patience:"This takes a few seconds.",cancel:"Cancel",cancelled:"Cancelled. It does not count.",done:"Your picture is ready. Slide to compare.",wearing:"{person}, wearing {product}",made:"Made by a computer: fit and colours may differ.",compare:"Compare before and after",split:"{before} before, {after} after",before:"Before",after:"After",cart:"Add to cart",cart_sold_out:"Sold out",cart_added:"It is in your cart.",cart_view:"View cart",share:"Share",share_title:"Tried on: {product}",shared:"Anyone with this link can see the picture until {date}:",link_copied:"Link copied. Anyone who has it can see the picture until {date}.",download:"Download",email:"E-mail address (optional)",email_why:"So that this shop can write to you. It keeps the address with its customers; your photo and pictures do not go with it.",email_marketing:"Send me this shop’s news and offers, too.",email_leave:"Leave it",email_skip:"No, thanks",email_invalid:"This is no e-mail address. One looks like name@example.com.",email_thanks:"Thank you. Your address goes to the shop.",delete:"Delete my photo",deleted:"Your photo and the pictures made of it have been deleted.",offline:"The fitting room cannot be reached. Please check your connection and try again.",trouble:"Something went wrong on our side. Please try again in a minute.",closed:"The fitting room is closed for now. Please come back later.",picture_lost:"Your picture is ready, but it could not be loaded. Please try again: it does not count twice.",error_photo_unusable:"{message}",error_too_large:"{message}",error_quota_exceeded:"{message}",error_rate_limit_exceeded:"{message}",error_too_often:"{message}",error_billing_not_allowed:"{message}",error_creation_failed:"{message}",error_product_not_found:"This product cannot be tried on. Please choose another.",error_garment_unusable:"{message}",error_unavailable:"{message}"};function z(o){let t={...yt,...o};return(e,i={})=>(t[e]??"").replace(/\{(\w+)\}/g,(a,s)=>i[s]??a)}function g(o,{code:t="",message:e=""}){return o(t.toLowerCase())||o(`error_${t.toLowerCase()}`,{message:e})||e||o("trouble")}function J(o,t){let[e,i]=o<1?[Math.round(o*24),"hour"]:[Math.round(o*10)/10,"day"];return new Intl.NumberFormat(t,{style:"unit",unit:i,unitDisplay:"long"}).format(e)}var W=new CSSStyleSheet;W.replaceSync(Y);var b=class{#t;#a;#e;constructor(t,e,i){t.adoptedStyleSheets=[W],e.innerHTML=F,this.#t=t,this.#a=i,this.parts=Object.fromEntries([...e.querySelectorAll("[id]")].map(a=>[a.id,a])),e.querySelectorAll("[data-word]").forEach(a=>a.textContent=i(a.dataset.word)),e.querySelectorAll("[data-label]").forEach(a=>a.ariaLabel=i(a.dataset.label)),this.#e=V(this.parts.stage,this.parts.split,i),this.step=""}enter(t){let e=this.#t.activeElement;this.step=t,this.#o.dataset.step=t,this.#o.setAttribute("aria-busy",String(this.isBusy));for(let i of this.#o.querySelectorAll("[data-in]"))i.hidden=!i.dataset.in.split(" ").includes(t);this.parts.versions.disabled=this.isBusy,t==="done"&&this.#e(),e&&(t==="done"||e.closest("[hidden]"))&&this.#i.focus({preventScroll:!0}),this.tell("step",{step:t})}withdraw(t){let e=this.parts[t],i=e.contains(this.#t.activeElement);e.dataset.in="",e.hidden=!0,i&&this.#i.focus({preventScroll:!0})}tell(t,e){this.#t.host.dispatchEvent(new CustomEvent(`fitting-room:${t}`,{bubbles:!0,detail:e}))}get isBusy(){return this.step==="sending"||this.step==="working"}say(...t){this.parts.status.textContent=t.filter(Boolean).join(" "),this.parts.trouble.textContent="",this.parts.link.hidden=!0}answer(...t){this.say(...t),this.parts.status.scrollIntoView({block:"nearest"})}complain(t){t instanceof c||console.error(t),this.say(),this.parts.trouble.textContent=g(this.#a,t instanceof c?t:{code:"trouble"}),this.parts.trouble.scrollIntoView({block:"nearest"})}link(t,e){this.parts["link-there"].href=t,this.parts["link-there"].textContent=e,this.parts.link.hidden=!1}progress(t,e){this.parts["progress-words"].textContent=t,this.parts.progress.value=e}async picture(t,e,i){let a=this.parts[t];return a.alt=i,e===void 0?(a.removeAttribute("src"),!1):(a.src=e,a.decode().then(()=>!0,()=>!1))}get#o(){return this.parts.stage.parentElement}get#i(){return[...this.#o.querySelectorAll("[data-main]")].find(e=>!e.closest("[hidden]"))??this.parts.title}};async function X(o,t){let e={id:Number(String(t).split("/").pop()),quantity:1},i;try{i=await fetch(o,{method:"POST",headers:{"Content-Type":"application/json",Accept:"application/json"},body:JSON.stringify({items:[e]})})}catch{throw new c("offline")}let a=await i.json().catch(()=>({}));if(!i.ok)throw new c("cart_refused",typeof a.description=="string"?a.description:"");return a.items?.[0]??a}var A=()=>matchMedia("(pointer: coarse)").matches,O=()=>!!navigator.mediaDevices?.getUserMedia;async function K(o){let t={width:{ideal:1920},height:{ideal:1440}},e=await navigator.mediaDevices.getUserMedia({video:{facingMode:"user",...t},audio:!1});o.srcObject=e,await o.play();let i=!0;return{async countdown(a){for(let s=3;s>0&&i;s-=1)a(s),await new Promise(n=>setTimeout(n,1e3));return i},stop(){i=!1,e.getTracks().forEach(a=>a.stop()),o.srcObject=null}}}async function Q(o,t){let e=await xt(o);if(!e)return{blob:o};let i=vt(e.width,e.height),a=Math.min(1,t/i.height),s=Math.max(e.width,e.height)<=t,n=o.type==="image/png"&&s?o:await tt(e,i,a);return{blob:n,url:URL.createObjectURL(n)}}async function Z(o){let{videoWidth:t,videoHeight:e}=o;return tt(o,{left:0,top:0,width:t,height:e},1)}function vt(o,t){if(o>t*.8){let i=Math.round(t*.8);return{left:o-i>>1,top:0,width:i,height:t}}let e=Math.round(o/.8);return{left:0,top:Math.round((t-e)*.1),width:o,height:e}}async function tt(o,{left:t,top:e,width:i,height:a},s){let n=document.createElement("canvas");n.width=Math.max(1,Math.round(i*s)),n.height=Math.max(1,Math.round(a*s));let r=n.getContext("2d");return r.fillStyle="#fff",r.fillRect(0,0,n.width,n.height),r.imageSmoothingQuality="high",r.drawImage(o,t,e,i,a,0,0,n.width,n.height),new Promise(d=>n.toBlob(d,"image/jpeg",.92))}async function xt(o){try{return await createImageBitmap(o,{imageOrientation:"from-image"})}catch{return null}}var w=class{#t;#a;#e;#o;#i;#s=null;constructor(t,e,i,a,s){this.#t=t,this.#a=e,this.#e=i,this.#o=a,this.#i=s;let{take:n,file:r,capture:d,stage:p}=t.parts;n.dataset.in=A()||O()?"choose":"";for(let u of[r,d])u.addEventListener("change",()=>{let[I]=u.files;u.value="",I&&s(I)});this.#c(p)}facts=null;async learn(){this.facts??=await this.#a.facts();let{photoRetentionDays:t,resultRetentionDays:e}=this.facts,[i,a]=[t,e].map(s=>J(s,this.#o));this.#t.parts.retention.textContent=this.#e("retention",{photo:i,pictures:a}),this.#t.parts.agree.disabled=!1}get consent(){return{consentVersion:`widget-${(new TextEncoder().encode(this.#e("consent")).reduce((i,a)=>Math.imul(i^a,16777619),2166136261)>>>0).toString(16).padStart(8,"0")}`,consentGivenAt:new Date().toISOString()}}async upload(){await this.#n()&&this.#t.parts.file.click()}async take(){if(!await this.#n())return;let{capture:t,shoot:e,film:i}=this.#t.parts;if(A()||!O())return t.click();this.#t.say(),e.disabled=!0,this.#t.enter("camera");try{let a=await K(i);if(this.#t.step!=="camera")return a.stop();this.#s=a,e.disabled=!1,e.focus()}catch{throw this.#t.enter("choose"),new c("camera_refused")}}async shoot(){let{count:t,film:e,shoot:i}=this.#t.parts;i.disabled=!0;let a=await this.#s.countdown(s=>{t.textContent=s,this.#t.say(String(s))});if(t.textContent="",a){let s=await Z(e);this.stop(),await this.#i(s)}}stop(){this.#s?.stop(),this.#s=null}async#n(){await this.learn();let{agree:t}=this.#t.parts;if(!t.checked)throw t.focus(),new c("consent_needed");return!0}#c(t){let e=i=>a=>{a.preventDefault(),t.classList.toggle("is-target",i&&this.#t.step==="choose")};t.addEventListener("dragover",e(!0)),t.addEventListener("dragleave",e(!1)),t.addEventListener("drop",i=>{e(!1)(i);let[a]=i.dataTransfer.files;a&&this.#t.step==="choose"&&this.#n().then(s=>s&&this.#i(a)).catch(s=>this.#t.complain(s))})}};var y=class{#t;#a;#e;#o;#i="";#s="";#n=new AbortController;constructor(t,e,i,a){this.#t=t,this.#a=e,this.#e=i,this.#o=a}get isCancelled(){return this.#n.signal.aborted}async cancel(){this.#n.abort(),this.#i&&await this.#t.cancel(this.#i)}send(t){return this.#n=new AbortController,this.#c(t)}async make(t,e,i){this.#n=new AbortController;try{return this.#i=i??await this.#r(t,e),this.isCancelled&&await this.#t.cancel(this.#i),await this.#t.follow(this.#i,a=>this.#d(a))}finally{this.#i=""}}async#c(t){if(t.fileId)return;t.blob??=await fetch(t.url).then(s=>s.blob(),()=>Promise.reject(new c("offline")));let e=s=>{let n=Math.round(100*s);this.#a.progress(this.#e("sending",{percent:`${n} %`}),n)};e(0);let{fileId:i,fileUrl:a}=await this.#t.send(t,e,this.#n.signal);t.fileId=i,t.url??=a,t.isOwn&&this.#o("image_upload")}async#r(t,{productId:e,variantId:i}){let a=async()=>(await this.#c(t),this.#s||=h(),this.#t.generate({userImageId:t.fileId,productId:e,variantId:i},this.#s)),s=n=>{if(n.code!=="IMAGE_NOT_FOUND")throw n;return t.fileId=this.#s="",a()};try{let{jobId:n}=await a().catch(s);return this.#s="",this.#o("generation_start"),n}catch(n){throw this.#s=n.code==="offline"?this.#s:"",n}}#d({status:t,progress:e,queuePosition:i}){let a=Math.round(100*e);t==="PENDING"?this.#a.progress(this.#e(i>0?"waiting":"next",{count:i}),a):t==="PROCESSING"&&this.#a.progress(this.#e("dressing",{percent:`${a} %`}),a)}};var kt=/^[^\s@]+@[^\s@]+\.[^\s@]+$/,v=class{#t;#a;#e;#o;#i;constructor(t,e,i,a,s){this.#t=t,this.#a=e,this.#e=i,this.#o=s,this.#i=a!==void 0;let{letter:n,email:r}=t.parts;a&&(t.parts["email-why"].textContent=a),r.addEventListener("input",()=>this.#n("")),n.addEventListener("submit",d=>{d.preventDefault(),this.#s()})}offer(t){let e=this.#i&&t?.collectsEmails&&!U();this.#t.parts.letter.dataset.in=e?"done":""}skip(){R(),this.#t.withdraw("letter")}async#s(){let{email:t,marketing:e,leave:i}=this.#t.parts,a=t.value.trim();if(!kt.test(a))return this.#n(this.#e("email_invalid"));i.disabled=!0;try{await this.#a.collect(a,e.checked),this.skip(),this.#t.answer(this.#e("email_thanks")),t.value="",e.checked=!1,this.#o()}catch(s){this.#n(s.code==="VALIDATION_FAILED"?this.#e("email_invalid"):g(this.#e,s))}finally{i.disabled=!1}}#n(t){let{email:e}=this.#t.parts;this.#t.parts["email-trouble"].textContent=t,e.ariaInvalid=t?"true":null,t&&e.focus()}};async function et(o,t){if(matchMedia("(pointer: coarse)").matches&&navigator.share)try{return await navigator.share({url:o,title:t}),""}catch(e){if(e.name==="AbortError")return""}try{return await navigator.clipboard.writeText(o),"link_copied"}catch{return"shared"}}var _t=["PHOTO_UNUSABLE","TOO_LARGE","CONSENT_MISSING"],x=class{#t;#a;#e;#o;#i;#s;#n;#c=null;#r=null;#d=null;#f=null;#l=new Map;constructor(t,e,i,a){this.#t=t,this.#a=e,this.#e=i,this.#o=a,this.#i=new w(t,e,i,a.language,n=>this.#k(n)),this.#s=new y(e,t,i,n=>this.#h(n)),this.#n=new v(t,e,i,a.email,()=>this.#h("email_collected")),this.#x();let s=j();this.#u(s&&this.#y({...s,url:URL.createObjectURL(s.blob)}))}async enter(){if(!this.#t.isBusy)try{let[t]=await Promise.all([this.#a.isOpen(),this.#i.learn()]);if(!t)throw this.#t.enter("closed"),new c("closed");this.#t.step==="closed"&&this.#b()}catch(t){this.#t.complain(t)}}leave(){this.#t.step==="camera"&&this.#b()}set product(t){if(this.#t.isBusy){this.#f=t;return}this.#d=t;let{garment:e,name:i,cart:a}=this.#t.parts;e.src=t.image,i.textContent=t.title,a.disabled=t.available===!1,a.textContent=this.#e(a.disabled?"cart_sold_out":"cart"),this.#t.step!=="closed"&&(this.#t.say(),this.#l.has(this.#m)?this.#g():this.#t.step==="done"&&this.#p())}set person({title:t,image:e}){this.#c={id:e,title:t,url:e,consent:{consentVersion:"sample-figure"}},this.#u(this.#c)}get#m(){return[this.#r?.id,this.#d.productId,this.#d.variantId].join(" ")}#x(){let{parts:t}=this.#t,e={take:()=>this.#i.take(),upload:()=>this.#i.upload(),shoot:()=>this.#i.shoot(),try:()=>this.#g(),again:()=>this.#l.delete(this.#m)&&this.#g(),cancel:()=>this.#s.cancel(),cart:()=>this.#E(),share:()=>this.#S(),download:()=>this.#h("download_clicked"),skip:()=>this.#n.skip(),back:()=>this.#b(),another:()=>this.#T(),delete:()=>this.#A()};t.stage.parentElement.addEventListener("click",({target:i})=>{let a=e[i.closest("[data-act]")?.dataset.act];a&&Promise.resolve(a()).catch(s=>this.#t.complain(s))}),t.cart.dataset.in=this.#o.cart?"done":"",t.privacy.hidden=!this.#o.privacy,t.privacy.href=this.#o.privacy??""}async#k(t){this.#t.say(this.#e("preparing"));let e=await Q(t,this.#i.facts.photoHeight),i={...e,id:h(),consent:this.#i.consent};this.#u(this.#y(i),"sending");try{await this.#s.send(this.#r),this.#u(this.#r),this.#t.say(this.#e("photo_ready"),this.#i.facts.notice),e.url&&$(this.#r)}catch(a){(this.#s.isCancelled||_t.includes(a.code))&&this.#v(),this.#p(),this.#s.isCancelled?this.#t.say():this.#t.complain(a)}this.#w()}async#g(){let t=this.#m;this.#t.enter("working"),this.#t.say(this.#e("patience")),this.#t.progress(this.#e("next"),0);try{await this.#_(await this.#s.make(this.#r,this.#d,this.#l.get(t)),t)}catch(e){e.code==="GENERATION_NOT_FOUND"&&this.#l.delete(t),this.#p(),this.#s.isCancelled?this.#t.say(this.#e("cancelled")):this.#t.complain(e)}this.#w()}#w(){this.#f&&(this.product=this.#f,this.#f=null)}#y(t){return{...t,isOwn:!0,title:this.#e("your_photo")}}async#_({status:t,generationId:e,resultImageUrl:i,warnings:a,errorCode:s,errorMessage:n},r){if(s==="CANCELLED")return this.#p(),this.#t.say(this.#e("cancelled"));if(t==="FAILED")throw new c(s,n);this.#l.set(r,e),this.#t.parts.before.hasAttribute("src")||this.#t.picture("before",this.#r.url,this.#r.title);let d=this.#e("wearing",{person:this.#r.title,product:this.#d.title});if(!await this.#t.picture("after",i,d))throw new c("picture_lost");this.#t.parts.download.href=this.#a.download(e),this.#t.parts.made.textContent=[this.#e("made"),this.#i.facts?.notice].filter(Boolean).join(" "),this.#n.offer(this.#i.facts),this.#t.enter("done"),this.#h("result_view"),this.#t.say(this.#e("done"),...a??[])}#h(t){let{productId:e,variantId:i}=this.#d??{};this.#o.count(`widget:${t}`,{productId:e,variantId:i})}async#E(){this.#h("add_to_cart_clicked");let t=await X(this.#o.cart,this.#d.variantId);this.#h("add_to_cart_success"),this.#t.answer(this.#e("cart_added")),this.#o.cartPage&&this.#t.link(this.#o.cartPage,this.#e("cart_view")),this.#t.tell("cart",t)}async#S(){this.#h("share_clicked");let{shareUrl:t,expiresAt:e}=await this.#a.share(this.#l.get(this.#m)),i=new Date(e).toLocaleDateString(this.#o.language,{dateStyle:"long"}),a=await et(t,this.#e("share_title",{product:this.#d.title}));this.#t.answer(a&&this.#e(a,{date:i})),a==="shared"&&this.#t.link(t,t)}#T(){this.#t.say(),this.#t.enter("choose"),this.#t.parts.back.hidden=!1}#b(){this.#i.stop(),this.#p(),this.#t.say()}async#A(){await this.#a.forget(this.#r.fileId),this.#v(),this.#t.answer(this.#e("deleted"))}#v(){E(),this.#l.clear(),this.#t.parts.agree.checked=!1,this.#u(this.#c)}#u(t,e){this.#r=t;let{another:i,delete:a}=this.#t.parts;i.textContent=this.#e(t?.isOwn?"another":"own"),a.hidden=!t?.isOwn,this.#t.picture("before",t?.url,t?.title??""),this.#t.tell("photo",{isOwn:!!t?.isOwn,title:t?.title}),this.#p(e)}#p(t=this.#r?"ready":"choose"){this.#t.enter(t)}};var at="form[action*='/cart/add']",it=!1,L=class extends HTMLElement{#t;#a;#e;connectedCallback(){if(this.#a)return;this.#a=JSON.parse(this.querySelector("script[type='application/json']")?.textContent||"{}"),this.#n();let t=this.attachShadow({mode:"open"});t.innerHTML=this.hasAttribute("inline")?"<div></div>":"<slot></slot><dialog aria-labelledby='title'></dialog>",!this.hasAttribute("inline")&&([,this.#e]=t.children,t.firstChild.addEventListener("click",()=>this.open()),this.querySelector("button")?.setAttribute("aria-haspopup","dialog"))}disconnectedCallback(){this.#t?.leave()}set product(t){this.#a.product=t,this.#o(),this.#r(t.variantId)}set person(t){this.#o(),this.#t.person=t}open(){this.#o();let{product:t}=this.#a;this.#r(Et(this,t.variants)??t.variants?.[0]?.variantId),this.#e.showModal(),this.#e.querySelector("#title").focus(),this.#t.enter(),this.#s("widget:button_click",{productId:t.productId})}#o(){if(this.#t)return;let t=this.shadowRoot.lastChild,e=z(this.#a.words),i=new b(this.shadowRoot,t,e);this.#t=new x(i,G(this.#i),e,{language:this.closest("[lang]")?.lang||void 0,cart:this.getAttribute("cart"),cartPage:this.getAttribute("cart-page"),privacy:this.getAttribute("privacy"),email:this.getAttribute("email")??void 0,count:(a,s)=>this.#s(a,s)}),i.parts.versions.addEventListener("change",({target:a})=>this.#r(a.value)),t.addEventListener("click",({target:a})=>{(a.closest("[data-act='close']")||a===this.#e)&&this.#e.close()}),this.#e?.addEventListener("close",()=>this.#t.leave()),this.#c(i.parts),this.#e||this.#t.enter()}get#i(){return this.getAttribute("base")??""}#s(t,e){this.hasAttribute("counts")&&q(this.#i,t,e)}#n(){if(this.getAttribute("counts")!=="page"||it)return;it=!0;let t=e=>this.#s(`product_page:${e}`,{productId:this.#a.product?.productId});document.prerendering?document.addEventListener("prerenderingchange",()=>t("page_view"),{once:!0}):t("page_view"),document.addEventListener("submit",({target:e})=>e.matches(at)&&t("cart_add"),!0)}#c({version:t,versions:e}){let i=this.#a.product?.variants??[];t.hidden=i.length<2,e.replaceChildren(...i.map(({variantId:a,title:s})=>new Option(s,a)))}#r(t){let{variants:e=[],...i}=this.#a.product,a=e.find(n=>n.variantId===t),s=this.shadowRoot.querySelector("#versions");s.value=t,this.#t.product={...i,variantId:t,image:a?.image??i.image,available:a?.available}}};function Et(o,t=[]){let e=o.closest(".shopify-section")??document,i=`${at} [name='id']`;return[(e.querySelector(i)??document.querySelector(i))?.value,new URLSearchParams(location.search).get("variant")].map(r=>`gid://shopify/ProductVariant/${r}`).find(r=>t.some(({variantId:d})=>d===r))}customElements.get("fitting-room")??customElements.define("fitting-room",L);})();
