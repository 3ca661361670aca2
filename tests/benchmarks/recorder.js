// Records, in the page, what a slider's move leads to: when the reader's input came, what was
// sent to the kernel for it, which picture came back, and when that picture was on the screen.
(() => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const blobs = new Map(); // a blob's address: the message that brought it
  const arrived = []; // pictures that have no blob yet, in their order
  let input = 0; // when the last key or mouse event came
  let log;
  const recorder = (window.recorder = {
    reset: () => {
      log = { changes: [], sent: [], received: [], idle: [], painted: [] };
    },
    log: () => log,
    // Wait until the newest value has been answered and painted, and nothing new was sent for it.
    settled: async seconds => {
      const end = performance.now() + seconds * 1000;
      let calm = 0;
      let state = 'late';
      while (calm < 3 && performance.now() < end) {
        await new Promise(resolve => setTimeout(resolve, 8));
        const last = log.sent.at(-1);
        const picture = log.received.findLast(each => each.id === last?.id);
        const shown =
          picture &&
          log.painted.some(each => each.id === picture.id && each.time > picture.time);
        state = picture ? 'painted' : 'no picture';
        calm = last && log.idle.includes(last.id) && (shown || !picture) ? calm + 1 : 0;
      }
      return calm < 3 ? 'late' : state;
    },
  });
  // A drag faster than any hand's: events made here, one every few milliseconds. The browser
  // itself hands on a real mouse's moves at most once a frame.
  recorder.drag = async (places, y, pause) => {
    for (const x of places) {
      const move = { clientX: x, clientY: y, buttons: 1, bubbles: true, cancelable: true };
      document.documentElement.dispatchEvent(new MouseEvent('mousemove', move));
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  };
  recorder.reset();

  for (const kind of ['keydown', 'mousedown', 'mousemove']) {
    document.addEventListener(kind, event => (input = event.timeStamp), true);
  }
  const bare = base64 => base64.replace(/%0A|\s/g, '');
  const createObjectURL = URL.createObjectURL;
  URL.createObjectURL = blob => {
    const address = createObjectURL.call(URL, blob);
    const number = arrived.findIndex(each => each.size === blob.size);
    if (number >= 0) {
      blobs.set(address, arrived[number].id);
      arrived.splice(0, number + 1);
    }
    return address;
  };

  kernel.anyMessage.connect((_, { msg, direction }) => {
    const time = performance.now();
    const type = msg.header.msg_type;
    const state = msg.content.data?.state ?? {};
    if (direction === 'send') {
      if (type === 'comm_msg' && ('value' in state || 'index' in state)) {
        log.sent.push({ id: msg.header.msg_id, value: state.value ?? state.index, time });
      }
      return;
    }
    const id = msg.parent_header.msg_id;
    if (type === 'status' && msg.content.execution_state === 'idle') {
      log.idle.push(id);
    } else if (type === 'comm_msg' && msg.content.data.buffer_paths?.some(path => path[0] === 'value')) {
      arrived.push({ id, size: msg.buffers[0].byteLength });
      log.received.push({ id, time });
    } else if (type === 'display_data' && msg.content.data['image/png']) {
      log.received.push({ id, time, png: bare(msg.content.data['image/png']) });
    }
  });

  // The browser itself says when a picture it was told to watch was first on the screen.
  const watch = node => {
    for (const image of node.querySelectorAll?.('.jp-OutputArea img') ?? []) {
      image.setAttribute('elementtiming', 'picture');
    }
  };
  new PerformanceObserver(list => {
    for (const { url, element, renderTime } of list.getEntries()) {
      const png = () => bare(element.src.slice(element.src.indexOf(',') + 1)); // url is cut short
      const id = url.startsWith('blob:')
        ? blobs.get(url)
        : element && log.received.findLast(each => each.png === png())?.id;
      log.painted.push({ id, time: renderTime });
    }
  }).observe({ type: 'element' });
  watch(document);
  new MutationObserver(records => {
    for (const record of records) {
      if (record.type === 'attributes') {
        const value = record.target.getAttribute('aria-valuenow');
        if (value !== record.oldValue) log.changes.push({ time: input });
      } else {
        watch(record.target);
      }
    }
  }).observe(document.body, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeOldValue: true,
    attributeFilter: ['aria-valuenow'],
  });
})();
