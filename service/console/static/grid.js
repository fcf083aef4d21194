// Niceties of the pages of rows; all of them work without. Drop a file onto a form;
// and after a row was corrected, on to the next value that is wrong.
(() => {
  'use strict';
  const WRONG = '.work input[aria-invalid="true"]';

  function dropOnto(form) {
    const input = form.querySelector('input[type="file"]');
    const over = (event) => {
      if (![...event.dataTransfer.types].includes('Files')) return;
      event.preventDefault();
      form.classList.toggle('over', event.type === 'dragover');
    };
    form.addEventListener('dragover', over);
    form.addEventListener('dragleave', () => form.classList.remove('over'));
    form.addEventListener('drop', (event) => {
      over(event);
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      form.requestSubmit();
    });
  }

  // Fields that are not drop targets must not make the browser open the file instead of the page.
  for (const type of ['dragover', 'drop']) {
    window.addEventListener(type, (event) => {
      if ([...event.dataTransfer.types].includes('Files')) event.preventDefault();
    });
  }

  // The next wrong value behind `row`, else the first one there is.
  function next(row) {
    const fields = [...document.querySelectorAll(WRONG)];
    const behind = (field) => row.compareDocumentPosition(field) & Node.DOCUMENT_POSITION_FOLLOWING;
    return fields.find(behind) || fields[0];
  }

  let tried = null; // the row that was sent last, as it was then

  document.addEventListener('submit', (event) => {
    const form = event.target;
    const row = form.closest('tr');
    if (row && row.closest('.work')) tried = row;
  });

  function settled() {
    if (!tried) return;
    const row = document.getElementById(tried.id);
    if (!row || row === tried) return; // something else was put in place
    const own = row.querySelector('input[aria-invalid="true"]');
    const field = own || next(row);
    if (field) {
      field.focus();
      field.select();
    } else {
      document.getElementById('list')?.scrollIntoView();
    }
    tried = null;
  }

  document.addEventListener('htmx:after:swap', settled);
  document.querySelectorAll('form[data-drop]').forEach(dropOnto);
})();
