/* Tables and bars for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "text/buf.h"

/* Rows of cells, printed with columns as wide as their widest cell. */
struct table {
    const char *const *heads; /* ends with NULL */
    struct strs cells;        /* row after row */
};

void table_cell(struct table *t, const char *fmt, ...) PRINTF(2, 3); /* empty for "" */
/* Lines wider than `most` columns are cut; 0: none is. */
void table_print(const struct table *t, size_t most, struct buf *out);
void table_fini(struct table *t);

/* A line on standard error that is drawn over: what is done, how far, how fast. Nothing where
 * standard error is no terminal. total -1: not known; bytes -1: only the words. */
struct bar {
    char last[160];
    int64_t began_ms, drawn_ms; /* as given by the caller's clock */
    char what[64];
};
void bar_draw(struct bar *b, const char *what, int64_t bytes, int64_t total, int64_t now_ms);
void bar_clear(struct bar *b);

#endif
