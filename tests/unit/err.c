/* lib/text/err.c: errors and the table of exit codes. */
#include "text/err.h"
#include "tap.h"

static void test_sys(void)
{
    static const struct {
        int errnum;
        enum code code;
    } rows[] = {
        {ENOSPC, CODE_IO},      {EDQUOT, CODE_IO},   {EIO, CODE_IO},
        {EROFS, CODE_IO},       {EACCES, CODE_PERM}, {EPERM, CODE_PERM},
        {ENOENT, CODE_NOINPUT}, {EMFILE, CODE_OS},   {ENOMEM, CODE_OS},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = {0};
        errno = rows[i].errnum;
        is_int(err_sys(&err, "cannot open %s", "x"), -1, "err_sys gives -1");
        is_int(err.code, rows[i].code, strerror(rows[i].errnum));
        is_int(err.errnum, rows[i].errnum, "errno is kept");
        own(str_fini) char *want = str_print("cannot open x: %s", strerror(rows[i].errnum));
        is_str(err.text, want, "and said");
    }
}

static void test_text(void)
{
    struct err err = {0};
    is_int(err_set(&err, CODE_TEMP, "try %d", 1), -1, "err_set gives -1");
    is_int(err.code, CODE_TEMP, "the code");
    is_str(err.text, "try 1", "the text");
    is_int(err_wrap(&err, "staging %s", "input-0"), -1, "err_wrap gives -1");
    is_str(err.text, "staging input-0: try 1", "context stands before");
    is_int(err.code, CODE_TEMP, "the code stays");
    err_wrap(&err, "job");
    is_str(err.text, "job: staging input-0: try 1", "twice");

    is_int(err_at(&err, "f.yaml", 3, 7), -1, "err_at gives -1");
    is_str(err.where, "f.yaml:3:7", "file, line and column");
    err_at(&err, NULL, 1, 1);
    is_str(err.where, "f.yaml:3:7", "no file changes nothing");
    err_wrap(&err, "x");
    is_str(err.where, "f.yaml:3:7", "the place stays");
    err_at(&err, "f.yaml", 0, 0);
    is_str(err.where, "f.yaml", "file alone");
    errno = EACCES;
    err_sys(&err, "x");
    is_str(err.where, "", "a new error has no place yet");
    err_set(&err, CODE_NO, "y");
    is_int(err.errnum, 0, "nor an errno");

    own(str_fini) char *wide = str_print("%02000d", 0);
    err_set(&err, CODE_NO, "%s", wide);
    is_int((int64_t)strlen(err.text), sizeof(err.text) - 1, "a text is cut off");
    err_wrap(&err, "%s", wide);
    ok(strlen(err.text) < sizeof(err.text), "wrapped, too");
    err_wrap(&err, "here");
    ok(str_begins(err.text, "here: 000"), "the context comes first");
    err_at(&err, wide, 1, 1);
    ok(strlen(err.where) < sizeof(err.where), "and a place");
    errno = EIO;
    err_sys(&err, "%s", wide);
    has_str(err.text, strerror(EIO), "what errno says is not cut off");
}

/* The table of house.md: ends, has each code once, in rising order, with a sensible HTTP status. */
static void test_table(void)
{
    size_t n = 0;
    for (; code_rows[n].name; n++) {
        const struct code_row *row = &code_rows[n];
        ok(n == 0 || row->code > code_rows[n - 1].code, row->name);
        ok(row->http == 0 || (row->http >= 200 && row->http < 600), row->meaning);
    }
    is_int((int64_t)n, 14, "14 codes");
}

int main(void)
{
    test_sys();
    test_text();
    test_table();
    return tap_end();
}
