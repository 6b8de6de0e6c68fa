/* A document of the configuration that was checked before, kept in the state directory as JSON, so
 * that who starts for one request need not check it again. */
#ifndef HOST_KEPT_H
#define HOST_KEPT_H

#include "text/err.h"
#include "text/json.h"

/* Which file, and which state of it, by which program and which schema. */
struct kept_key {
    char *text;   /* NULL: cannot be told */
    bool settled; /* it has not changed for a while: a change from now on shows in its times */
};
/* Of what `path` is just now; `schema` is the file it is checked by. Given back by kept_key_fini.
 */
void kept_key_init(struct kept_key *key, const char *path, const char *schema);
void kept_key_fini(struct kept_key *key);

/* What was kept under this key: a new reference, or NULL. Only a file of ours is believed that
 * nobody else could write or read. */
json_t *kept_find(const struct kept_key *key);
/* Keeps a document read between `before` and now, unless the file has changed meanwhile or just
 * before. That it cannot be kept is no error. */
void kept_store(const struct kept_key *before, const char *path, const char *schema,
                const json_t *doc);

#endif
