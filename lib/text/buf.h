/* A growing run of bytes, always followed by a NUL. */
#ifndef TEXT_BUF_H
#define TEXT_BUF_H

#include "text/base.h"

struct buf {
    char *bytes; /* never NULL once something was added */
    size_t len, room;
};

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_print(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
char *buf_take(struct buf *b); /* the caller frees; the buf is empty again */
void buf_fini(struct buf *b);  /* for own() */

/* A list of strings ending in NULL, as execve wants it. */
struct strs {
    char **list;
    size_t n;
};

void strs_add(struct strs *s, const char *text); /* copies */
void strs_print(struct strs *s, const char *fmt, ...) PRINTF(2, 3);
void strs_fini(struct strs *s);

#endif
