#include "store/storage.h"
#include "model/secret.h"
#include "store/db.h"
#include "store/seal.h"
#include "text/uri.h"

void storage_rows_fini(struct storage_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->list[i].name);
        free(rows->list[i].url);
        free(rows->list[i].sealed);
        free(rows->list[i].keep);
        free(rows->list[i].owner);
    }
    free(rows->list);
    *rows = (struct storage_rows){0};
}

int storage_of(struct store *s, const char *job, struct storage_rows *rows, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(job)};
    int rc;
    if (db_ask(s, SQL_STORAGE_OF, values, COUNT(values), &stmt, err) < 0)
        return -1;
    while ((rc = db_next(s, stmt, err)) > 0) {
        rows->list = mem_grow(rows->list, rows->n + 1, sizeof(*rows->list));
        struct storage_row *row = &rows->list[rows->n++];
        *row = (struct storage_row){.name = str_new(db_text(stmt, 0)),
                                    .url = str_new(db_text(stmt, 1)),
                                    .single = db_int(stmt, 2) != 0,
                                    .made = db_int(stmt, 3) != 0,
                                    .keep = str_new(db_text(stmt, 4)),
                                    .due = db_int(stmt, 5),
                                    .tries = db_int(stmt, 6),
                                    .owner = str_new(db_text(stmt, 7)),
                                    .sealed = str_new(db_text(stmt, 8))};
        snprintf(row->job, sizeof(row->job), "%s", job);
    }
    return rc;
}

/* Appends the parts of a path, each with a slash behind it. -1 for one with "..". */
static int add_parts(struct buf *key, const char *path)
{
    for (size_t n; *path; path += n + (path[n] == '/')) {
        n = strcspn(path, "/");
        if (n == 2 && str_begins(path, ".."))
            return -1;
        if (n > 0 && !(n == 1 && *path == '.'))
            buf_print(key, "%.*s/", (int)n, path);
    }
    return 0;
}

/* Links are followed as far as the path is there. */
static int add_real(struct buf *key, const char *path)
{
    own(str_fini) char *there = str_new(path);
    own(str_fini) char *real = NULL;
    while (!(real = realpath(there, NULL)) && strrchr(there, '/') > there)
        *strrchr(there, '/') = '\0';
    buf_str(key, "file:/");
    return add_parts(key, real ? real : "") < 0 ? -1
                                                : add_parts(key, path + (real ? strlen(there) : 0));
}

/* Scheme, host in lower case and port, where that is not the scheme's own; no user. */
static void add_service(struct buf *key, const char *scheme, const char *authority, size_t n)
{
    static const char *const own_ports[][2] = {{"http", ":80"}, {"https", ":443"}};
    const char *user = memrchr(authority, '@', n);
    const size_t skip = user ? (size_t)(user - authority) + 1 : 0;
    own(str_fini) char *host = str_print("%.*s", (int)(n - skip), authority + skip);
    char *port = strrchr(host, ':');
    for (char *c = host; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    for (size_t i = 0; port && i < COUNT(own_ports); i++)
        if (!port[1] || (str_same(scheme, own_ports[i][0]) && str_same(port, own_ports[i][1])))
            *port = '\0';
    buf_print(key, "%s://%s/", scheme, host);
}

/* What tells places apart, and which is in which: the query, which names the service, then the path
 * with one slash at its end, decoded. NULL for a place with ".." in it. The caller frees. */
static char *key_of(const char *url)
{
    own(buf_fini) struct buf key = {0};
    own(str_fini) char *file = uri_file_path(url);
    own(str_fini) char *scheme = uri_scheme(url);
    const char *authority = strstr(url, "://");
    if (file)
        return add_real(&key, file) < 0 ? NULL : buf_take(&key);
    const size_t end = strcspn(url, "?#");
    authority = authority ? authority + 3 : url;
    const char *path = authority + strcspn(authority, "/?#");
    own(str_fini) char *text = str_print("%.*s", (int)(url + end - path), path);
    own(str_fini) char *plain = uri_decode(text);
    buf_print(&key, "%s ", url + end);
    add_service(&key, scheme ? scheme : "", authority, (size_t)(path - authority));
    return add_parts(&key, plain ? plain : text) < 0 ? NULL : buf_take(&key);
}

int storage_hide(struct store *s, struct storage_row *row, const char *url, struct err *err)
{
    own(json_fini) json_t *whole = json_pack("{s:s}", "url", url);
    row->url = secret_hidden(url);
    if (row->url)
        return (row->sealed = seal_document(s, row->job, whole, err)) ? 0 : -1;
    row->url = str_new(url);
    return 0;
}

char *storage_url(struct store *s, const struct storage_row *row, struct err *err)
{
    if (!row->sealed)
        return str_new(row->url);
    own(json_fini) json_t *whole = seal_open(s, row->job, row->sealed, err);
    return whole ? str_new(json_text(whole, "url")) : NULL;
}

int storage_note(struct store *s, const struct storage_row *row, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    own(str_fini) char *key = key_of(row->url);
    const struct bind place[] = {TEXT(row->job), TEXT(key), TEXT(row->name)};
    const struct bind values[] = {TEXT(row->job),   TEXT(row->name),     TEXT(row->url),
                                  TEXT(key),        NUMBER(row->single), NUMBER(0),
                                  TEXT(row->keep),  NUMBER(0),           NUMBER(0),
                                  TEXT(row->owner), TEXT(row->sealed)};
    if (!key)
        return err_set(err, CODE_CONFLICT, "its path has \"..\" in it; write it without");
    int rc = db_ask(s, SQL_STORAGE_OVERLAP, place, COUNT(place), &stmt, err);
    if (rc == 0)
        rc = db_next(s, stmt, err);
    if (rc > 0)
        return err_set(err, CODE_CONFLICT,
                       "it is, lies in or holds a place that was made for job %s",
                       db_text(stmt, 0));
    return rc < 0 || db_run(s, SQL_STORAGE_ADD, values, COUNT(values), err) < 0 ? -1 : 0;
}

int storage_made(struct store *s, const struct storage_row *row, struct err *err)
{
    const struct bind values[] = {TEXT(row->job), TEXT(row->name)};
    return db_run(s, SQL_STORAGE_MADE, values, COUNT(values), err) < 0 ? -1 : 0;
}

static int set_due(struct store *s, const struct storage_row *row, int64_t due, int64_t tries,
                   struct err *err)
{
    const struct bind values[] = {TEXT(row->job), TEXT(row->name), NUMBER(due), NUMBER(tries)};
    return db_run(s, SQL_STORAGE_DUE, values, COUNT(values), err) < 0 ? -1 : 0;
}

int storage_later(struct store *s, const struct storage_row *row, int64_t due, struct err *err)
{
    return set_due(s, row, due, row->tries + 1, err);
}

int storage_forget(struct store *s, const struct storage_row *row, struct err *err)
{
    const struct bind values[] = {TEXT(row->job), TEXT(row->name)};
    return db_run(s, SQL_STORAGE_FORGET, values, COUNT(values), err) < 0 ? -1 : 0;
}

int storage_end(struct store *s, const struct job *j, int64_t now, struct err *err)
{
    own(storage_rows_fini) struct storage_rows rows = {0};
    if (storage_of(s, j->id, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.n; i++) {
        struct duration keep = {0};
        const char *why;
        if (j->started)
            duration_parse(rows.list[i].keep, &keep, NULL, &why);
        if (set_due(s, &rows.list[i], when_to_ms(when_add(when_of_ms(now), keep)), 0, err) < 0)
            return -1;
    }
    return 0;
}

/* One answer of db.c as numbers; the least of them that is not 0 goes to *next. */
static int take_next(struct store *s, enum sql which, int64_t now, int64_t *next, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {NUMBER(now)};
    if (db_ask(s, which, values, COUNT(values), &stmt, err) < 0 || db_next(s, stmt, err) < 0)
        return -1;
    const int64_t time = db_int(stmt, 0);
    if (time > 0 && time < *next)
        *next = time;
    return 0;
}

int storage_due(struct store *s, int64_t now, struct strs *jobs, int64_t *next, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {NUMBER(now)};
    int rc;
    *next = INT64_MAX;
    if (take_next(s, SQL_STORAGE_NEXT, now, next, err) < 0 ||
        take_next(s, SQL_DESTRUCTION_NEXT, now, next, err) < 0 ||
        db_ask(s, SQL_CHORES, values, COUNT(values), &stmt, err) < 0)
        return -1;
    while ((rc = db_next(s, stmt, err)) > 0)
        strs_add(jobs, db_text(stmt, 0));
    return rc;
}
