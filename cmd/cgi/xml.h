/* XML, written piece by piece. */
#ifndef CGI_XML_H
#define CGI_XML_H

#include "text/buf.h"

/* Attributes end with {0}; one without a value is left out. */
struct attribute {
    const char *name, *value;
};
#define ATTRIBUTES(...) ((const struct attribute[]){__VA_ARGS__, {0}})

void xml_begin(struct buf *b); /* the declaration */
/* A tag on a line of its own, so far in. attributes may be NULL. */
void xml_open(struct buf *b, int depth, const char *name, const struct attribute *attributes);
void xml_close(struct buf *b, int depth, const char *name);
/* An element with this text; NULL: empty. What XML 1.0 has no way to say becomes U+FFFD. */
void xml_leaf(struct buf *b, int depth, const char *name, const struct attribute *attributes,
              const char *text);

#endif
