#include "store/db.h"
#include "store/timeline.h"

#define WEEKS_MS (14 * INT64_C(86400000)) /* how long a job may wait and run, and be looked for */

int store_load(struct store *s, const char *platform, struct load *load, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {TEXT(platform)};
    if (db_ask(s, SQL_LOAD, values, COUNT(values), &rows, err) < 0 || db_next(s, rows, err) < 0)
        return -1;
    *load = (struct load){db_int(rows, 0), db_int(rows, 1), db_int(rows, 2), db_int(rows, 3)};
    return 0;
}

void stretches_free(struct stretch *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].name);
        free(list[i].owner);
    }
    free(list);
}

static void take_stretch(struct sqlite3_stmt *rows, struct stretch *x)
{
    *x = (struct stretch){.name = str_new(db_text(rows, 1)),
                          .owner = str_new(db_text(rows, 2)),
                          .started = db_int(rows, 4),
                          .ended = db_int(rows, 5),
                          .booked_from = db_int(rows, 6) * 1000,
                          .booked_to = db_int(rows, 7) * 1000};
    snprintf(x->job, sizeof(x->job), "%s", db_text(rows, 0));
    phase_parse(db_text(rows, 3), &x->phase);
}

int store_stretches(struct store *s, const char *platform, int64_t since, size_t most,
                    struct stretch **list, size_t *n, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    char first[UUID_TEXT];
    /* ids begin with the time they were made at, so that older ones are not looked at */
    const uint64_t from = (uint64_t)(since > WEEKS_MS ? since - WEEKS_MS : 0);
    snprintf(first, sizeof(first), "%08" PRIx64 "-%04" PRIx64, from >> 16, from & 0xffff);
    const struct bind values[] = {TEXT(platform), NUMBER(since), TEXT(first),
                                  NUMBER((int64_t)most)};
    if (db_ask(s, SQL_STRETCHES, values, COUNT(values), &rows, err) < 0)
        return -1;
    struct stretch *found = NULL;
    size_t count = 0;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0) {
        found = mem_grow(found, count + 1, sizeof(*found));
        take_stretch(rows, &found[count++]);
    }
    if (rc < 0) {
        stretches_free(found, count);
        return -1;
    }
    *list = found;
    *n = count;
    return 0;
}
