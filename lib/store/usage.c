#include <math.h>
#include "store/db.h"
#include "store/usage.h"
#include "text/when.h"

#define DAY 86400
#define TYPE_MAX 256   /* bytes of a type that is counted by its name */
#define TYPES_MAX 1000 /* and how many of them in a day: tasks may come from anybody */
#define KEPT_DAYS 800  /* and for how long */

int usage_held(struct store *s, const char *owner, int64_t since, json_t **held, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    own(json_fini) json_t *found = json_object();
    const struct bind values[] = {TEXT(owner), NUMBER(since)};
    if (db_ask(s, SQL_JOBS_HELD, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0)
        json_object_set_new(found, db_text(rows, 0),
                            json_pack("{s:I,s:I,s:I,s:I}", "jobs", (json_int_t)db_int(rows, 1),
                                      "cores", (json_int_t)db_int(rows, 2), "memory",
                                      (json_int_t)db_int(rows, 3), "hours",
                                      (json_int_t)db_int(rows, 4)));
    if (rc < 0)
        return -1;
    *held = move(found);
    return 0;
}

int usage_index(struct store *s, struct err *err)
{
    return db_run(s, SQL_JOBS_OWNER, NULL, 0, err) < 0 ? -1 : 0;
}

int usage_drafts(struct store *s, const char *owner, int64_t *n, struct err *err)
{
    own(db_done) struct sqlite3_stmt *row = NULL;
    const struct bind values[] = {TEXT(owner)};
    if (usage_index(s, err) < 0 || db_ask(s, SQL_DRAFTS, values, COUNT(values), &row, err) < 0)
        return -1;
    const int rc = db_next(s, row, err);
    *n = rc > 0 ? db_int(row, 0) : 0;
    return rc < 0 ? -1 : 0;
}

int usage_offer(struct store *s, const char *platform, struct room need, int64_t length,
                int64_t cores, int64_t now, struct err *err)
{
    const struct bind values[] = {TEXT("offer"),     TEXT(platform),
                                  NUMBER(now / DAY), NUMBER(room_core_time(need, length)),
                                  NUMBER(cores),     NUMBER(0)};
    return db_run(s, SQL_TALLY_ADD, values, COUNT(values), err) < 0 ? -1 : 0;
}

int usage_unknown(struct store *s, const char *type, int64_t now, struct err *err)
{
    const struct bind old[] = {TEXT("unknown"), NUMBER(now / DAY - KEPT_DAYS)};
    const struct bind values[] = {TEXT("unknown"),   TEXT(strlen(type) > TYPE_MAX ? "" : type),
                                  NUMBER(now / DAY), NUMBER(0),
                                  NUMBER(0),         NUMBER(TYPES_MAX)};
    if (db_run(s, SQL_TALLY_FORGET, old, COUNT(old), err) < 0 ||
        db_run(s, SQL_TALLY_ADD, values, COUNT(values), err) < 0)
        return -1;
    return 0;
}

/* --- the report --- */

/* Core hours of thousandths of core seconds, to thousandths. */
static json_t *hours_json(double milli_s)
{
    double hours = round(milli_s / 3600) / 1000;
    return hours == floor(hours) && hours < 1e15 ? json_integer((json_int_t)hours)
                                                 : json_real(hours);
}

static json_t *platform_of(json_t *platforms, const char *name)
{
    json_t *row = json_object_get(platforms, name);
    if (row)
        return row;
    row = json_pack("{s:s,s:i,s:i,s:i,s:i,s:i,s:i}", "name", name, "available", 0, "offered", 0,
                    "accepted", 0, "used", 0, "offers", 0, "jobs", 0);
    json_object_set_new(platforms, name, row);
    return row;
}

static int add_offers(struct store *s, int64_t after, int64_t before, json_t *platforms,
                      struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const int64_t last = before > after ? (before - 1) / 1000 / DAY : after / 1000 / DAY;
    const struct bind values[] = {TEXT("offer"), NUMBER(after / 1000 / DAY), NUMBER(last)};
    if (db_ask(s, SQL_TALLIES, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0) {
        const int64_t offers = db_int(rows, 1), cores = db_int(rows, 4);
        json_t *row = offers ? platform_of(platforms, db_text(rows, 0))
                             : json_object_get(platforms, db_text(rows, 0));
        if (!row)
            continue;
        json_object_set_new(row, "offers", json_integer(offers));
        json_object_set_new(row, "offered", hours_json((double)db_int(rows, 2)));
        json_object_set_new(row, "available",
                            hours_json((double)cores * (double)(before - after) / 1000));
    }
    return rc;
}

static int add_jobs(struct store *s, int64_t after, int64_t before, int64_t now, json_t *platforms,
                    struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {NUMBER(after), NUMBER(before),
                                  NUMBER(before < now ? before : now)};
    if (db_ask(s, SQL_USAGE_JOBS, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0) {
        if (db_int(rows, 1) == 0 && db_int(rows, 3) == 0)
            continue;
        json_t *row = platform_of(platforms, db_text(rows, 0));
        json_object_set_new(row, "jobs", json_integer(db_int(rows, 1)));
        json_object_set_new(row, "accepted", hours_json((double)db_int(rows, 2)));
        json_object_set_new(row, "used", hours_json((double)db_int(rows, 3)));
    }
    return rc;
}

static int add_subjects(struct store *s, int64_t after, int64_t before, json_t *report,
                        struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {NUMBER(after), NUMBER(before)};
    if (db_ask(s, SQL_USAGE_SUBJECTS, values, COUNT(values), &rows, err) < 0 ||
        db_next(s, rows, err) < 0)
        return -1;
    json_object_set_new(report, "subjects", json_integer(db_int(rows, 0)));
    json_object_set_new(report, "institutions", json_integer(db_int(rows, 1)));
    return 0;
}

static int add_unknown(struct store *s, int64_t after, int64_t before, json_t *report,
                       struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    json_t *list = json_array();
    const int64_t last = before > after ? (before - 1) / 1000 / DAY : after / 1000 / DAY;
    const struct bind values[] = {TEXT("unknown"), NUMBER(after / 1000 / DAY), NUMBER(last)};
    json_object_set_new(report, "unknown", list);
    if (db_ask(s, SQL_TALLIES, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0)
        if (db_int(rows, 1) > 0)
            json_array_append_new(list, json_pack("{s:s,s:I}", "type", db_text(rows, 0), "count",
                                                  (json_int_t)db_int(rows, 1)));
    return rc;
}

/* When anything was counted first, ms; `before` when nothing was. */
static int first_of_all(struct store *s, int64_t before, int64_t *first, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {NUMBER(before)};
    if (db_ask(s, SQL_USAGE_FIRST, values, COUNT(values), &rows, err) < 0 ||
        db_next(s, rows, err) < 0)
        return -1;
    *first = db_int(rows, 0);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_text(*(json_t *const *)a, "name"), json_text(*(json_t *const *)b, "name"));
}

static void append_sorted(json_t *list, json_t *platforms)
{
    size_t n = 0;
    const char *name;
    json_t *row, **rows = mem_new((json_object_size(platforms) + 1) * sizeof(json_t *));
    json_object_foreach (platforms, name, row)
        rows[n++] = row;
    qsort(rows, n, sizeof(json_t *), by_name);
    for (size_t i = 0; i < n; i++)
        json_array_append(list, rows[i]);
    free(rows);
}

json_t *usage_report(struct store *s, int64_t after, int64_t before, int64_t now, struct err *err)
{
    char from[WHEN_TEXT], to[WHEN_TEXT];
    own(json_fini) json_t *platforms = json_object();
    if (after < 0 && first_of_all(s, before, &after, err) < 0)
        return NULL;
    own(json_fini) json_t *list = json_array();
    own(json_fini) json_t *report =
        json_pack("{s:s,s:s,s:O}", "after", when_print(when_of_ms(after), from), "before",
                  when_print(when_of_ms(before), to), "platforms", list);
    if (add_jobs(s, after, before, now, platforms, err) < 0 ||
        add_offers(s, after, before, platforms, err) < 0 ||
        add_subjects(s, after, before, report, err) < 0 ||
        add_unknown(s, after, before, report, err) < 0)
        return NULL;
    append_sorted(list, platforms);
    return move(report);
}
