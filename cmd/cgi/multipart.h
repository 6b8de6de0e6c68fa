/* Forms with files in them: bodies of multipart/form-data (RFC 7578). */
#ifndef CGI_MULTIPART_H
#define CGI_MULTIPART_H

#include "text/err.h"

#define MULTIPART "multipart/form-data"
#define PARTS_MAX 1000

struct part {
    char *name;
    char *filename;    /* as the client calls it; NULL: it is a field, no file */
    char *type;        /* what it says of itself, "text/plain"; "" when nothing */
    const char *bytes; /* borrowed of the body, not NUL-ended */
    size_t len;
};
struct parts {
    struct part *list;
    size_t n;
};

/* Takes a body apart; `type` is its Content-Type, with the boundary. All of it must be as RFC 2046
 * (5.1) has it. CODE_DATA with what is wrong; what was read until then is p's all the same. */
int multipart_read(struct parts *p, const char *type, const char *body, size_t len,
                   struct err *err);
void parts_fini(struct parts *p);

#endif
