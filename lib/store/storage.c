#include "store/storage.h"
#include "store/db.h"

void storage_rows_fini(struct storage_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->list[i].name);
        free(rows->list[i].url);
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
                                    .owner = str_new(db_text(stmt, 7))};
        snprintf(row->job, sizeof(row->job), "%s", job);
    }
    return rc;
}

/* What tells places apart, and which is in which: the query, which names the service, then the path
 * with one slash at its end. The caller frees. */
static char *key_of(const char *url)
{
    size_t n = strcspn(url, "?#"), end = n;
    while (n > 0 && url[n - 1] == '/')
        n--;
    return str_print("%s %.*s/", url + end, (int)n, url);
}

int storage_note(struct store *s, const struct storage_row *row, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    own(str_fini) char *key = key_of(row->url);
    const struct bind place[] = {TEXT(row->job), TEXT(key), TEXT(row->name)};
    const struct bind values[] = {TEXT(row->job),      TEXT(row->name), TEXT(row->url),  TEXT(key),
                                  NUMBER(row->single), NUMBER(0),       TEXT(row->keep), NUMBER(0),
                                  NUMBER(0),           TEXT(row->owner)};
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
