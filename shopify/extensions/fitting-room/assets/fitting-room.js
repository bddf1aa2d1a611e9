/* Built by scripts/widget from shopify/widget. Apache-2.0 */
(()=>{var S=typeof EventSource=="function";async function T(o,t,a){return S&&await z(`${o}/events`,a)||Y(t,a)}var _=({status:o})=>o==="COMPLETED"||o==="FAILED";function z(o,t){return new Promise(a=>{let e=new EventSource(o),i,r=s=>{S=!!s,clearTimeout(i),e.close(),a(s)},n=()=>{clearTimeout(i),i=setTimeout(r,5e3)};e.addEventListener("error",()=>r()),e.addEventListener("generation",({data:s})=>{let d=JSON.parse(s);n(),t(d),_(d)&&r(d)}),n()})}async function Y(o,t){for(let a=0;;){try{let e=await o();if(a=0,t(e),_(e))return e}catch(e){if(a+=navigator.onLine,e.code==="GENERATION_NOT_FOUND"||a>10)throw e}await new Promise(e=>setTimeout(e,2e3))}}var F="fitting-room:client",w="fitting-room:photo",V;function C(){try{return localStorage[F]||=p()}catch{return V||=p()}}var p=()=>crypto.randomUUID?.()??"10000000-1000-4000-8000-100000000000".replace(/[018]/g,o=>(o^crypto.getRandomValues(new Uint8Array(1))[0]&15>>o/4).toString(16));async function A(o){try{let t=await J(o.blob);sessionStorage[w]=JSON.stringify({id:o.id,fileId:o.fileId,consent:o.consent,bytes:t})}catch{y()}}function O(){try{let{bytes:o,...t}=JSON.parse(sessionStorage[w]),[a,e]=o.split(","),i=Uint8Array.from(atob(e),r=>r.charCodeAt(0));return{...t,blob:new Blob([i],{type:a.slice(5,-7)})}}catch{return null}}function y(){try{sessionStorage.removeItem(w)}catch{}}var J=o=>new Promise((t,a)=>{let e=new FileReader;e.onload=()=>t(e.result),e.onerror=a,e.readAsDataURL(o)});var Q=3e4,K=20*1024*1024,c=class extends Error{constructor(t,a=""){super(a),this.code=t}};function L(o){let t=e=>`${o}/public/${e}`,a=e=>`${t(e)}?client_id=${C()}`;return{facts:()=>l("GET",t("widget")),isOpen:()=>l("GET",t("check-credits")).then(({allowed:e})=>e!==!1,()=>!0),async send(e,i,r){if(e.blob.size>K)throw new c("TOO_LARGE","This photograph is larger than 20 MB. Please choose a smaller one.");let{uploadUrl:n,uploadKey:s}=await l("POST",a("prepare-upload"),void 0,r);return await W(n,e.blob,i,r),l("POST",t("upload-complete"),{uploadKey:s,...e.consent},r)},generate:(e,i)=>l("POST",a("fitting-room"),e,void 0,{"Idempotency-Key":i}),generation:e=>l("GET",t(`generation/${e}`)),follow:(e,i)=>T(t(`generation/${e}`),()=>l("GET",t(`generation/${e}`)),i),cancel:e=>l("DELETE",t(`generation/${e}`)),download:e=>t(`generation/${e}/download`),share:e=>l("POST",t("share-generation"),{generationId:e,effectiveDomain:location.hostname}),async forget(e){e&&await l("DELETE",t(`image/${e}`)).catch(Z("IMAGE_NOT_FOUND")),await l("DELETE",a("me"))}}}async function l(o,t,a,e,i){let r=a&&{headers:{"Content-Type":"application/json",...i},body:JSON.stringify(a)},n=AbortSignal.timeout(Q),s=e&&AbortSignal.any?AbortSignal.any([e,n]):e??n,d;try{d=await fetch(t,{method:o,...r,signal:s})}catch(u){throw e?.aborted?u:new c("offline")}let h=await d.json().catch(()=>null);if(!d.ok||h?.code||h===null)throw new c(h?.code??"trouble",h?.message);return h}function W(o,t,a,e){return new Promise((i,r)=>{let n=new XMLHttpRequest;n.open("PUT",o),n.setRequestHeader("Content-Type","application/octet-stream"),n.responseType="json",n.upload.addEventListener("progress",({loaded:s,total:d})=>a(s/d)),n.addEventListener("load",()=>{let{message:s,code:d}=n.response??{};n.status<300?i():r(new c(d??"trouble",s))}),n.addEventListener("error",()=>r(new c("offline"))),n.addEventListener("abort",()=>r(e.reason)),e?.addEventListener("abort",()=>n.abort()),n.send(t)})}var Z=o=>t=>{if(t.code!==o)throw t};var I=`<section class="room" aria-labelledby="title">
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
      <a class="button" id="download" download="try-on.png" data-in="done" data-word="download"></a>
      <button type="button" id="back" data-act="back" data-in="camera" data-word="back"></button>
    </div>
    <p class="after-thoughts" data-in="ready done">
      <button class="plain" type="button" data-act="again" data-in="done" data-word="again"></button>
      <button class="plain" type="button" id="another" data-act="another"></button>
      <button class="plain" type="button" id="delete" data-act="delete" data-word="delete"></button>
    </p>
    <p class="small" id="made" data-in="done"></p>
    <input id="file" type="file" accept="image/jpeg,image/png,image/webp,image/heic,image/heif" hidden>
    <input id="capture" type="file" accept="image/*" capture="user" hidden>
  </div>
</section>
`;function P(o,t,a){let e=()=>{let r=100-t.value;o.style.setProperty("--split",`${t.value}%`),t.setAttribute("aria-valuetext",a("split",{before:`${t.value} %`,after:`${r} %`}))},i=({clientX:r})=>{let{left:n,width:s}=o.getBoundingClientRect();t.value=Math.round(100*(r-n)/s),e()};return t.addEventListener("input",e),o.addEventListener("pointerdown",r=>{t.hidden||r.button!==0||(o.setPointerCapture(r.pointerId),i(r),r.preventDefault(),t.focus({preventScroll:!0}))}),o.addEventListener("pointermove",r=>{o.hasPointerCapture(r.pointerId)&&i(r)}),()=>{t.value=50,e()}}var M=`:host {
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
  font-weight: 600;
  overflow-wrap: anywhere;
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

.trouble:not(:empty) {
  scroll-margin-block-end: 6rem; /* clear of the buttons, which stick to the bottom */
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
`;var at={title:"Try it on",close:"Close",choose_hint:"A photo of you from the front, arms visible, in good light.",drop:"You can drop it here.",consent:"I agree that my photo is sent to this shop’s fitting room to make the pictures I ask for.",consent_needed:"Please tick the box first: your photo is only sent if you agree.",retention:"Your photo is deleted after {photo}, the pictures after {pictures}, and both whenever you say so.",privacy:"Privacy policy",take:"Take a photo",upload:"Choose a photo",camera_hint:"Step back until your arms can be seen. The photo is taken after 3 seconds.",camera_refused:"The camera cannot be used. Allow it in your browser’s settings, or choose a photo.",shoot:"Take the photo",back:"Back",your_photo:"Your photo",preparing:"Preparing your photo …",sending:"Sending your photo · {percent}",photo_ready:"Your photo is ready.",version:"Version",try:"Try it on",another:"Another photo",own:"Use my own photo",again:"Make another",waiting:"{count} ahead of you",next:"You are next",dressing:"Making your picture · {percent}",progress:"Progress of your picture",patience:"This takes a few seconds.",cancel:"Cancel",cancelled:"Cancelled. It does not count.",done:"Your picture is ready. Slide to compare.",wearing:"{person}, wearing {product}",made:"Made by a computer: fit and colours may differ.",compare:"Compare before and after",split:"{before} before, {after} after",before:"Before",after:"After",cart:"Add to cart",cart_sold_out:"Sold out",cart_added:"It is in your cart.",cart_view:"View cart",share:"Share",share_title:"Tried on: {product}",shared:"Anyone with this link can see the picture until {date}:",link_copied:"Link copied. Anyone who has it can see the picture until {date}.",download:"Download",delete:"Delete my photo",deleted:"Your photo and the pictures made of it have been deleted.",offline:"The fitting room cannot be reached. Please check your connection and try again.",trouble:"Something went wrong on our side. Please try again in a minute.",closed:"The fitting room is closed for now. Please come back later.",picture_lost:"Your picture is ready, but it could not be loaded. Please try again: it does not count twice.",error_photo_unusable:"{message}",error_too_large:"{message}",error_quota_exceeded:"{message}",error_rate_limit_exceeded:"{message}",error_billing_not_allowed:"{message}",error_creation_failed:"{message}",error_product_not_found:"This product cannot be tried on. Please choose another.",error_garment_unusable:"{message}",error_unavailable:"{message}"};function N(o){let t={...at,...o};return(a,e={})=>(t[a]??"").replace(/\{(\w+)\}/g,(i,r)=>e[r]??i)}function D(o,{code:t="",message:a=""}){return o(t.toLowerCase())||o(`error_${t.toLowerCase()}`,{message:a})||a||o("trouble")}function R(o,t){let[a,e]=o<1?[Math.round(o*24),"hour"]:[Math.round(o*10)/10,"day"];return new Intl.NumberFormat(t,{style:"unit",unit:e,unitDisplay:"long"}).format(a)}var U=new CSSStyleSheet;U.replaceSync(M);var f=class{#t;#o;#e;constructor(t,a,e){t.adoptedStyleSheets=[U],a.innerHTML=I,this.#t=t,this.#o=e,this.parts=Object.fromEntries([...a.querySelectorAll("[id]")].map(i=>[i.id,i])),a.querySelectorAll("[data-word]").forEach(i=>i.textContent=e(i.dataset.word)),a.querySelectorAll("[data-label]").forEach(i=>i.ariaLabel=e(i.dataset.label)),this.#e=P(this.parts.stage,this.parts.split,e),this.step=""}enter(t){let a=this.#t.activeElement;this.step=t,this.#a.dataset.step=t,this.#a.setAttribute("aria-busy",String(this.isBusy));for(let e of this.#a.querySelectorAll("[data-in]"))e.hidden=!e.dataset.in.split(" ").includes(t);this.parts.versions.disabled=this.isBusy,t==="done"&&this.#e(),a&&(t==="done"||a.closest("[hidden]"))&&this.#i.focus({preventScroll:!0}),this.tell("step",{step:t})}tell(t,a){this.#t.host.dispatchEvent(new CustomEvent(`fitting-room:${t}`,{bubbles:!0,detail:a}))}get isBusy(){return this.step==="sending"||this.step==="working"}say(...t){this.parts.status.textContent=t.filter(Boolean).join(" "),this.parts.trouble.textContent="",this.parts.link.hidden=!0}complain(t){t instanceof c||console.error(t),this.say(),this.parts.trouble.textContent=D(this.#o,t instanceof c?t:{code:"trouble"}),this.parts.trouble.scrollIntoView({block:"nearest"})}link(t,a){this.parts["link-there"].href=t,this.parts["link-there"].textContent=a,this.parts.link.hidden=!1}progress(t,a){this.parts["progress-words"].textContent=t,this.parts.progress.value=a}async picture(t,a,e){let i=this.parts[t];return i.alt=e,a===void 0?(i.removeAttribute("src"),!1):(i.src=a,i.decode().then(()=>!0,()=>!1))}get#a(){return this.parts.stage.parentElement}get#i(){return[...this.#a.querySelectorAll("[data-main]")].find(a=>!a.closest("[hidden]"))??this.parts.title}};async function j(o,t){let a={id:Number(String(t).split("/").pop()),quantity:1},e;try{e=await fetch(o,{method:"POST",headers:{"Content-Type":"application/json",Accept:"application/json"},body:JSON.stringify({items:[a]})})}catch{throw new c("offline")}let i=await e.json().catch(()=>({}));if(!e.ok)throw new c("cart_refused",typeof i.description=="string"?i.description:"");return i.items?.[0]??i}var v=()=>matchMedia("(pointer: coarse)").matches,x=()=>!!navigator.mediaDevices?.getUserMedia;async function B(o){let t={width:{ideal:1920},height:{ideal:1440}},a=await navigator.mediaDevices.getUserMedia({video:{facingMode:"user",...t},audio:!1});o.srcObject=a,await o.play();let e=!0;return{async countdown(i){for(let r=3;r>0&&e;r-=1)i(r),await new Promise(n=>setTimeout(n,1e3));return e},stop(){e=!1,a.getTracks().forEach(i=>i.stop()),o.srcObject=null}}}async function $(o,t){let a=await ot(o);if(!a)return{blob:o};let e=it(a.width,a.height),i=Math.min(1,t/e.height),r=Math.max(a.width,a.height)<=t,n=o.type==="image/png"&&r?o:await q(a,e,i);return{blob:n,url:URL.createObjectURL(n)}}async function G(o){let{videoWidth:t,videoHeight:a}=o;return q(o,{left:0,top:0,width:t,height:a},1)}function it(o,t){if(o>t*.8){let e=Math.round(t*.8);return{left:o-e>>1,top:0,width:e,height:t}}let a=Math.round(o/.8);return{left:0,top:Math.round((t-a)*.1),width:o,height:a}}async function q(o,{left:t,top:a,width:e,height:i},r){let n=document.createElement("canvas");n.width=Math.max(1,Math.round(e*r)),n.height=Math.max(1,Math.round(i*r));let s=n.getContext("2d");return s.fillStyle="#fff",s.fillRect(0,0,n.width,n.height),s.imageSmoothingQuality="high",s.drawImage(o,t,a,e,i,0,0,n.width,n.height),new Promise(d=>n.toBlob(d,"image/jpeg",.92))}async function ot(o){try{return await createImageBitmap(o,{imageOrientation:"from-image"})}catch{return null}}var g=class{#t;#o;#e;#a;#i;#r=null;constructor(t,a,e,i,r){this.#t=t,this.#o=a,this.#e=e,this.#a=i,this.#i=r;let{take:n,file:s,capture:d,stage:h}=t.parts;n.dataset.in=v()||x()?"choose":"";for(let u of[s,d])u.addEventListener("change",()=>{let[E]=u.files;u.value="",E&&r(E)});this.#n(h)}facts=null;async learn(){this.facts??=await this.#o.facts();let{photoRetentionDays:t,resultRetentionDays:a}=this.facts,[e,i]=[t,a].map(r=>R(r,this.#a));this.#t.parts.retention.textContent=this.#e("retention",{photo:e,pictures:i}),this.#t.parts.agree.disabled=!1}get consent(){return{consentVersion:`widget-${(new TextEncoder().encode(this.#e("consent")).reduce((e,i)=>Math.imul(e^i,16777619),2166136261)>>>0).toString(16).padStart(8,"0")}`,consentGivenAt:new Date().toISOString()}}async upload(){await this.#s()&&this.#t.parts.file.click()}async take(){if(!await this.#s())return;let{capture:t,shoot:a,film:e}=this.#t.parts;if(v()||!x())return t.click();this.#t.say(),a.disabled=!0,this.#t.enter("camera");try{let i=await B(e);if(this.#t.step!=="camera")return i.stop();this.#r=i,a.disabled=!1,a.focus()}catch{throw this.#t.enter("choose"),new c("camera_refused")}}async shoot(){let{count:t,film:a,shoot:e}=this.#t.parts;e.disabled=!0;let i=await this.#r.countdown(r=>{t.textContent=r,this.#t.say(String(r))});if(t.textContent="",i){let r=await G(a);this.stop(),await this.#i(r)}}stop(){this.#r?.stop(),this.#r=null}async#s(){await this.learn();let{agree:t}=this.#t.parts;if(!t.checked)throw t.focus(),new c("consent_needed");return!0}#n(t){let a=e=>i=>{i.preventDefault(),t.classList.toggle("is-target",e&&this.#t.step==="choose")};t.addEventListener("dragover",a(!0)),t.addEventListener("dragleave",a(!1)),t.addEventListener("drop",e=>{a(!1)(e);let[i]=e.dataTransfer.files;i&&this.#t.step==="choose"&&this.#s().then(r=>r&&this.#i(i)).catch(r=>this.#t.complain(r))})}};var m=class{#t;#o;#e;#a="";#i="";#r=new AbortController;constructor(t,a,e){this.#t=t,this.#o=a,this.#e=e}get isCancelled(){return this.#r.signal.aborted}async cancel(){this.#r.abort(),this.#a&&await this.#t.cancel(this.#a)}send(t){return this.#r=new AbortController,this.#s(t)}async make(t,a,e){this.#r=new AbortController;try{return this.#a=e??await this.#n(t,a),this.isCancelled&&await this.#t.cancel(this.#a),await this.#t.follow(this.#a,i=>this.#c(i))}finally{this.#a=""}}async#s(t){if(t.fileId)return;t.blob??=await fetch(t.url).then(r=>r.blob(),()=>Promise.reject(new c("offline")));let a=r=>{let n=Math.round(100*r);this.#o.progress(this.#e("sending",{percent:`${n} %`}),n)};a(0);let{fileId:e,fileUrl:i}=await this.#t.send(t,a,this.#r.signal);t.fileId=e,t.url??=i}async#n(t,{productId:a,variantId:e}){let i=async()=>(await this.#s(t),this.#i||=p(),this.#t.generate({userImageId:t.fileId,productId:a,variantId:e},this.#i)),r=n=>{if(n.code!=="IMAGE_NOT_FOUND")throw n;return t.fileId=this.#i="",i()};try{let{jobId:n}=await i().catch(r);return this.#i="",n}catch(n){throw this.#i=n.code==="offline"?this.#i:"",n}}#c({status:t,progress:a,queuePosition:e}){let i=Math.round(100*a);t==="PENDING"?this.#o.progress(this.#e(e>0?"waiting":"next",{count:e}),i):t==="PROCESSING"&&this.#o.progress(this.#e("dressing",{percent:`${i} %`}),i)}};async function H(o,t){if(matchMedia("(pointer: coarse)").matches&&navigator.share)try{return await navigator.share({url:o,title:t}),""}catch(a){if(a.name==="AbortError")return""}try{return await navigator.clipboard.writeText(o),"link_copied"}catch{return"shared"}}var rt=["PHOTO_UNUSABLE","TOO_LARGE","CONSENT_MISSING"],b=class{#t;#o;#e;#a;#i;#r;#s=null;#n=null;#c=null;#p=null;#d=new Map;constructor(t,a,e,i){this.#t=t,this.#o=a,this.#e=e,this.#a=i,this.#i=new g(t,a,e,i.language,n=>this.#v(n)),this.#r=new m(a,t,e),this.#y();let r=O();this.#h(r&&this.#b({...r,url:URL.createObjectURL(r.blob)}))}async enter(){if(!this.#t.isBusy)try{let[t]=await Promise.all([this.#o.isOpen(),this.#i.learn()]);if(!t)throw this.#t.enter("closed"),new c("closed");this.#t.step==="closed"&&this.#g()}catch(t){this.#t.complain(t)}}leave(){this.#t.step==="camera"&&this.#g()}set product(t){if(this.#t.isBusy){this.#p=t;return}this.#c=t;let{garment:a,name:e,cart:i}=this.#t.parts;a.src=t.image,e.textContent=t.title,i.disabled=t.available===!1,i.textContent=this.#e(i.disabled?"cart_sold_out":"cart"),this.#t.step!=="closed"&&(this.#t.say(),this.#d.has(this.#u)?this.#f():this.#t.step==="done"&&this.#l())}set person({title:t,image:a}){this.#s={id:a,title:t,url:a,consent:{consentVersion:"sample-figure"}},this.#h(this.#s)}get#u(){return[this.#n?.id,this.#c.productId,this.#c.variantId].join(" ")}#y(){let{parts:t}=this.#t,a={take:()=>this.#i.take(),upload:()=>this.#i.upload(),shoot:()=>this.#i.shoot(),try:()=>this.#f(),again:()=>this.#d.delete(this.#u)&&this.#f(),cancel:()=>this.#r.cancel(),cart:()=>this.#k(),share:()=>this.#E(),back:()=>this.#g(),another:()=>this.#S(),delete:()=>this.#T()};t.stage.parentElement.addEventListener("click",({target:e})=>{let i=a[e.closest("[data-act]")?.dataset.act];i&&Promise.resolve(i()).catch(r=>this.#t.complain(r))}),t.cart.dataset.in=this.#a.cart?"done":"",t.privacy.hidden=!this.#a.privacy,t.privacy.href=this.#a.privacy??""}async#v(t){this.#t.say(this.#e("preparing"));let a=await $(t,this.#i.facts.photoHeight),e={...a,id:p(),consent:this.#i.consent};this.#h(this.#b(e),"sending");try{await this.#r.send(this.#n),this.#h(this.#n),this.#t.say(this.#e("photo_ready"),this.#i.facts.notice),a.url&&A(this.#n)}catch(i){(this.#r.isCancelled||rt.includes(i.code))&&this.#w(),this.#l(),this.#r.isCancelled?this.#t.say():this.#t.complain(i)}this.#m()}async#f(){let t=this.#u;this.#t.enter("working"),this.#t.say(this.#e("patience")),this.#t.progress(this.#e("next"),0);try{await this.#x(await this.#r.make(this.#n,this.#c,this.#d.get(t)),t)}catch(a){a.code==="GENERATION_NOT_FOUND"&&this.#d.delete(t),this.#l(),this.#r.isCancelled?this.#t.say(this.#e("cancelled")):this.#t.complain(a)}this.#m()}#m(){this.#p&&(this.product=this.#p,this.#p=null)}#b(t){return{...t,isOwn:!0,title:this.#e("your_photo")}}async#x({status:t,generationId:a,resultImageUrl:e,warnings:i,errorCode:r,errorMessage:n},s){if(r==="CANCELLED")return this.#l(),this.#t.say(this.#e("cancelled"));if(t==="FAILED")throw new c(r,n);this.#d.set(s,a),this.#t.parts.before.hasAttribute("src")||this.#t.picture("before",this.#n.url,this.#n.title);let d=this.#e("wearing",{person:this.#n.title,product:this.#c.title});if(!await this.#t.picture("after",e,d))throw new c("picture_lost");this.#t.parts.download.href=this.#o.download(a),this.#t.parts.made.textContent=[this.#e("made"),this.#i.facts?.notice].filter(Boolean).join(" "),this.#t.enter("done"),this.#t.say(this.#e("done"),...i??[])}async#k(){let t=await j(this.#a.cart,this.#c.variantId);this.#t.say(this.#e("cart_added")),this.#a.cartPage&&this.#t.link(this.#a.cartPage,this.#e("cart_view")),this.#t.tell("cart",t)}async#E(){let{shareUrl:t,expiresAt:a}=await this.#o.share(this.#d.get(this.#u)),e=new Date(a).toLocaleDateString(this.#a.language,{dateStyle:"long"}),i=await H(t,this.#e("share_title",{product:this.#c.title}));this.#t.say(i&&this.#e(i,{date:e})),i==="shared"&&this.#t.link(t,t)}#S(){this.#t.say(),this.#t.enter("choose"),this.#t.parts.back.hidden=!1}#g(){this.#i.stop(),this.#l(),this.#t.say()}async#T(){await this.#o.forget(this.#n.fileId),this.#w(),this.#t.say(this.#e("deleted"))}#w(){y(),this.#d.clear(),this.#t.parts.agree.checked=!1,this.#h(this.#s)}#h(t,a){this.#n=t;let{another:e,delete:i}=this.#t.parts;e.textContent=this.#e(t?.isOwn?"another":"own"),i.hidden=!t?.isOwn,this.#t.picture("before",t?.url,t?.title??""),this.#t.tell("photo",{isOwn:!!t?.isOwn,title:t?.title}),this.#l(a)}#l(t=this.#n?"ready":"choose"){this.#t.enter(t)}};var k=class extends HTMLElement{#t;#o;#e;connectedCallback(){if(this.#o)return;this.#o=JSON.parse(this.querySelector("script[type='application/json']")?.textContent||"{}");let t=this.attachShadow({mode:"open"});t.innerHTML=this.hasAttribute("inline")?"<div></div>":"<slot></slot><dialog aria-labelledby='title'></dialog>",!this.hasAttribute("inline")&&([,this.#e]=t.children,t.firstChild.addEventListener("click",()=>this.open()),this.querySelector("button")?.setAttribute("aria-haspopup","dialog"))}disconnectedCallback(){this.#t?.leave()}set product(t){this.#o.product=t,this.#a(),this.#r(t.variantId)}set person(t){this.#a(),this.#t.person=t}open(){this.#a();let{product:t}=this.#o;this.#r(nt(this,t.variants)??t.variants?.[0]?.variantId),this.#e.showModal(),this.#e.querySelector("#title").focus(),this.#t.enter()}#a(){if(this.#t)return;let t=this.shadowRoot.lastChild,a=N(this.#o.words),e=new f(this.shadowRoot,t,a);this.#t=new b(e,L(this.getAttribute("base")??""),a,{language:this.closest("[lang]")?.lang||void 0,cart:this.getAttribute("cart"),cartPage:this.getAttribute("cart-page"),privacy:this.getAttribute("privacy")}),e.parts.versions.addEventListener("change",({target:i})=>this.#r(i.value)),t.addEventListener("click",({target:i})=>{(i.closest("[data-act='close']")||i===this.#e)&&this.#e.close()}),this.#e?.addEventListener("close",()=>this.#t.leave()),this.#i(e.parts),this.#e||this.#t.enter()}#i({version:t,versions:a}){let e=this.#o.product?.variants??[];t.hidden=e.length<2,a.replaceChildren(...e.map(({variantId:i,title:r})=>new Option(r,i)))}#r(t){let{variants:a=[],...e}=this.#o.product,i=a.find(n=>n.variantId===t),r=this.shadowRoot.querySelector("#versions");r.value=t,this.#t.product={...e,variantId:t,image:i?.image??e.image,available:i?.available}}};function nt(o,t=[]){let a=o.closest(".shopify-section")??document,e="form[action*='/cart/add'] [name='id']";return[(a.querySelector(e)??document.querySelector(e))?.value,new URLSearchParams(location.search).get("variant")].map(s=>`gid://shopify/ProductVariant/${s}`).find(s=>t.some(({variantId:d})=>d===s))}customElements.get("fitting-room")??customElements.define("fitting-room",k);})();
