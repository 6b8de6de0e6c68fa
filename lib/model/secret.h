/* Secrets in a task: passwords in URLs (http://ada:password@host/), wherever they stand. They are
 * not stored and not shown with the rest; what is left is the same without the password. */
#ifndef MODEL_SECRET_H
#define MODEL_SECRET_H

#include "text/json.h"

/* Is it a string with a secret in it? */
bool secret_is(const json_t *value);
/* The text without its secrets, or NULL when it has none. The caller frees. */
char *secret_hidden(const char *text);
/* Hides all secrets of a document, in place: {pointer: the text as it was}, a new reference, NULL
 * when there are none. */
json_t *secret_take(json_t *doc);
/* And puts them back, as far as the document has these places. */
void secret_put(json_t *doc, const json_t *secrets);

#endif
