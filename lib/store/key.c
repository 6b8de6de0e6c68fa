#include "store/key.h"
#include "store/db.h"

#define KEPT_MS 86400000

int key_find(struct store *s, const struct key *k, int64_t now, char job[UUID_TEXT],
             struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(k->owner), TEXT(k->key), NUMBER(now - KEPT_MS)};
    if (db_ask(s, SQL_KEY_GET, values, COUNT(values), &stmt, err) < 0)
        return -1;
    const int rc = db_next(s, stmt, err);
    if (rc <= 0)
        return rc;
    if (!str_same(db_text(stmt, 0), k->sum))
        return err_set(err, CODE_DATA, "the key %.80s was that of another request", k->key);
    snprintf(job, UUID_TEXT, "%s", db_text(stmt, 1));
    return 1;
}

int key_add(struct store *s, const struct key *k, int64_t now, const char *job, struct err *err)
{
    const struct bind old[] = {NUMBER(now - KEPT_MS)};
    const struct bind values[] = {TEXT(k->owner), TEXT(k->key), TEXT(k->sum), TEXT(job),
                                  NUMBER(now)};
    return db_run(s, SQL_KEYS_FORGET, old, COUNT(old), err) < 0 ||
                   db_run(s, SQL_KEY_ADD, values, COUNT(values), err) < 0
               ? -1
               : 0;
}
