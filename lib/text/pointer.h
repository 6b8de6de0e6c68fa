/* JSON pointers (RFC 6901), built while walking down a document. */
#ifndef TEXT_POINTER_H
#define TEXT_POINTER_H

#include "text/buf.h"
#include "text/json.h"

struct pointer {
    char text[1024]; /* of a pointer too long: that of the nearest part around that is not */
    size_t len;      /* as if all had room */
};

/* Both return the length to give to pointer_up when the walk comes back. */
size_t pointer_key(struct pointer *p, const char *key);
size_t pointer_index(struct pointer *p, size_t index);
void pointer_up(struct pointer *p, size_t len);
/* The end of a pointer, for people: "cores", and of an item "data/0"; "document" of "". Borrowed.
 */
const char *pointer_last(const char *pointer);
/* What stands there, borrowed, or NULL. "" is the document itself. */
json_t *pointer_find(json_t *doc, const char *pointer);
/* The next step of a pointer, unescaped, which it then is moved behind; false, and nothing moved,
 * where none begins. */
bool pointer_token(const char **pointer, struct buf *token);

#endif
