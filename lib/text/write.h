/* JSON out: keys in their order, UTF-8, numbers in the shortest form that reads back the same. */
#ifndef TEXT_WRITE_H
#define TEXT_WRITE_H

#include "text/buf.h"
#include "text/json.h"

/* Appends the value; indent 0 is compact on one line, else blanks per level. No final newline. */
void write_json(struct buf *b, const json_t *value, int indent);
/* The same as a new string, compact. The caller frees. */
char *write_string(const json_t *value);

#endif
