/* What the store keeps of secrets: sealed with its own key, state/key, which is made when it is
 * first needed (decisions.md, "Secrets in a task"). execdm-seal does it. */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include "store/store.h"

/* The document sealed, a text that says nothing; it can only be opened by the same name. NULL with
 * err: CODE_UNAVAIL when execdm was built without OpenSSL. */
char *seal_document(const struct store *s, const char *name, const json_t *doc, struct err *err);
/* And opened, a new reference. NULL with err: CODE_DATA when it was changed, or the key is another.
 */
json_t *seal_open(const struct store *s, const char *name, const char *sealed, struct err *err);

#endif
