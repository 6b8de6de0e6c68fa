/* Bookings, and what they add up to.
 *
 * A planner that had to read every booking would be slow where there are many. So what they add up
 * to is kept with them, in the same transactions: for every thing that is counted the moments at
 * which its use changes, and by how much. A row of the table `changes` has those of a quarter of an
 * hour, packed, and their sum; so a booking touches two rows, however long it is, and 100,000 of
 * them are read in milliseconds. */
#include <endian.h>
#include "store/db.h"
#include "text/write.h"

#define SPAN 900 /* s of one row of changes */
#define ROWS 32  /* read at a time */

static int64_t span_of(int64_t time)
{
    return time / SPAN - (time % SPAN < 0);
}

/* Between the row's bytes, little-endian, and ours; the same in both directions. */
static void swap(struct change *list, size_t n)
{
    int64_t *words = &list->time;
    for (size_t i = 0; i < n * sizeof(*list) / sizeof(*words); i++)
        words[i] = (int64_t)htole64((uint64_t)words[i]);
}

/* Appends the changes of a row. */
static void take_changes(struct sqlite3_stmt *rows, int column, struct change **list, size_t *n)
{
    size_t len;
    const void *bytes = db_bytes(rows, column, &len);
    const size_t more = len / sizeof(**list);
    if (more == 0)
        return;
    *list = mem_grow(*list, *n + more, sizeof(**list));
    memcpy(*list + *n, bytes, more * sizeof(**list));
    swap(*list + *n, more);
    *n += more;
}

/* Adds c to a list in the order of time; what comes to nothing goes. There is room for one more. */
static void merge(struct change *list, size_t *n, const struct change *c)
{
    size_t i = *n;
    while (i > 0 && list[i - 1].time >= c->time)
        i--;
    if (i == *n || list[i].time != c->time) {
        memmove(&list[i + 1], &list[i], (*n - i) * sizeof(*list));
        list[i] = *c;
        ++*n;
        return;
    }
    list[i].first += c->first;
    list[i].second += c->second;
    if (list[i].first == 0 && list[i].second == 0) {
        --*n;
        memmove(&list[i], &list[i + 1], (*n - i) * sizeof(*list));
    }
}

static int save_changes(struct store *s, const struct bind key[3], struct change *list, size_t n,
                        struct err *err)
{
    struct change sum = {0};
    for (size_t i = 0; i < n; i++) {
        sum.first += list[i].first;
        sum.second += list[i].second;
    }
    swap(list, n);
    const struct bind row[] = {key[0],
                               key[1],
                               key[2],
                               NUMBER(sum.first),
                               NUMBER(sum.second),
                               BYTES(list, n * sizeof(*list))};
    if (n == 0)
        return db_run(s, SQL_CHANGES_DROP, key, 3, err);
    return db_run(s, SQL_CHANGES_SET, row, COUNT(row), err);
}

static int add_change(struct store *s, const char *platform, const char *thing,
                      const struct change *c, struct err *err)
{
    const struct bind key[] = {TEXT(platform), TEXT(thing), NUMBER(span_of(c->time))};
    struct sqlite3_stmt *rows = NULL;
    struct change *list = NULL;
    size_t n = 0;
    int rc = db_ask(s, SQL_CHANGES_GET, key, COUNT(key), &rows, err);
    if (rc == 0 && (rc = db_next(s, rows, err)) > 0)
        take_changes(rows, 0, &list, &n);
    db_done(&rows);
    list = mem_grow(list, n + 1, sizeof(*list));
    merge(list, &n, c);
    if (rc >= 0)
        rc = save_changes(s, key, list, n, err);
    free(list);
    return rc < 0 ? -1 : 0;
}

/* The use of one thing from start to end, given or taken back. */
static int add_use(struct store *s, const char *platform, const char *thing,
                   const struct booking *b, int64_t first, int64_t second, struct err *err)
{
    const struct change begin = {b->start, first, second}, end = {b->end, -first, -second};
    if (b->start == b->end || (first == 0 && second == 0))
        return 0;
    if (add_change(s, platform, thing, &begin, err) < 0)
        return -1;
    return add_change(s, platform, thing, &end, err);
}

static int add_up(struct store *s, const char *platform, const struct booking *b, int sign,
                  struct err *err)
{
    const char *name;
    json_t *count;
    if (add_use(s, platform, THING_ROOM, b, sign * b->room.cores, sign * b->room.memory, err) < 0)
        return -1;
    json_object_foreach (b->room.parts, name, count)
        if (add_use(s, platform, name, b, sign * json_integer_value(count), 0, err) < 0)
            return -1;
    return 0;
}

static int booking_at(struct sqlite3_stmt *rows, struct booking *b, struct err *err)
{
    struct booking row = {.start = db_int(rows, 1),
                          .end = db_int(rows, 2),
                          .latest = db_int(rows, 3),
                          .room = {db_int(rows, 4), db_int(rows, 5), NULL}};
    snprintf(row.job, sizeof(row.job), "%s", db_text(rows, 0));
    if (db_text(rows, 6) && db_doc(rows, 6, &row.room.parts, err) < 0)
        return -1;
    *b = row;
    return 0;
}

void bookings_free(struct booking *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_decref(list[i].room.parts);
    free(list);
}

/* The booking of a job, and its platform, a new string. */
static int find(struct store *s, const char *job, struct booking *b, char **platform,
                struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {TEXT(job)};
    if (db_ask(s, SQL_BOOKING_GET, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc = db_next(s, rows, err);
    if (rc <= 0)
        return rc;
    if (booking_at(rows, b, err) < 0)
        return -1;
    *platform = str_new(db_text(rows, 7));
    return 1;
}

int store_booking_get(struct store *s, const char *job, struct booking *b, struct err *err)
{
    own(str_fini) char *platform = NULL;
    return find(s, job, b, &platform, err);
}

int store_booking_drop(struct store *s, const char *job, struct err *err)
{
    struct booking b;
    own(str_fini) char *platform = NULL;
    const struct bind values[] = {TEXT(job)};
    int rc = find(s, job, &b, &platform, err);
    if (rc <= 0)
        return rc;
    rc = add_up(s, platform, &b, -1, err);
    json_decref(b.room.parts);
    return rc < 0 ? -1 : db_run(s, SQL_BOOKING_DROP, values, COUNT(values), err) < 0 ? -1 : 0;
}

int store_booking_set(struct store *s, const char *platform, const struct booking *b,
                      struct err *err)
{
    own(str_fini) char *parts = b->room.parts ? write_string(b->room.parts) : NULL;
    const struct bind values[] = {TEXT(b->job),           TEXT(platform),    NUMBER(b->start),
                                  NUMBER(b->end),         NUMBER(b->latest), NUMBER(b->room.cores),
                                  NUMBER(b->room.memory), TEXT(parts)};
    if (store_booking_drop(s, b->job, err) < 0 ||
        db_run(s, SQL_BOOKING_SET, values, COUNT(values), err) < 0)
        return -1;
    return add_up(s, platform, b, 1, err);
}

static int read_bookings(struct store *s, enum sql which, const struct bind *values, size_t nvalues,
                         struct booking **list, size_t *n, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    struct booking *found = NULL;
    size_t count = 0;
    int rc;
    if (db_ask(s, which, values, nvalues, &rows, err) < 0)
        return -1;
    while ((rc = db_next(s, rows, err)) > 0) {
        found = mem_grow(found, count + 1, sizeof(*found));
        if ((rc = booking_at(rows, &found[count], err)) < 0)
            break;
        count++;
    }
    if (rc < 0) {
        bookings_free(found, count);
        return -1;
    }
    *list = found;
    *n = count;
    return 0;
}

int store_bookings_running(struct store *s, const char *platform, struct booking **list, size_t *n,
                           struct err *err)
{
    const struct bind values[] = {TEXT(platform)};
    return read_bookings(s, SQL_BOOKINGS_RUNNING, values, COUNT(values), list, n, err);
}

int store_bookings_apart(struct store *s, const char *platform, int64_t now, struct booking **list,
                         size_t *n, struct err *err)
{
    const struct bind values[] = {TEXT(platform), NUMBER(now)};
    return read_bookings(s, SQL_BOOKINGS_APART, values, COUNT(values), list, n, err);
}

/* The use at the beginning of a span, as a change there. */
static int sum_before(struct store *s, const struct bind key[3], struct change *sum,
                      struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    if (db_ask(s, SQL_CHANGES_SUM, key, 3, &rows, err) < 0 || db_next(s, rows, err) < 0)
        return -1;
    sum->first = db_int(rows, 0);
    sum->second = db_int(rows, 1);
    return 0;
}

int store_changes(struct store *s, const char *platform, const char *thing, int64_t *next,
                  struct change **list, size_t *n, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    int64_t span = span_of(*next);
    const struct bind values[] = {TEXT(platform), TEXT(thing), NUMBER(span), NUMBER(ROWS)};
    if (*n == 0) {
        struct change *sum = mem_new(sizeof(*sum));
        sum->time = span * SPAN;
        if (sum_before(s, values, sum, err) < 0) {
            free(sum);
            return -1;
        }
        *list = sum;
        *n = 1;
    }
    int rc = db_ask(s, SQL_CHANGES_FROM, values, COUNT(values), &rows, err);
    int left = ROWS;
    while (rc >= 0 && (rc = db_next(s, rows, err)) > 0) {
        take_changes(rows, 1, list, n);
        *next = (db_int(rows, 0) + 1) * SPAN;
        left--;
    }
    return rc < 0 ? -1 : left == 0;
}

/* --- are the sums right? --- */

struct use {
    char *platform, *thing;
    struct change c;
};
struct uses {
    struct use *list;
    size_t n;
};

static void uses_fini(struct uses *u)
{
    for (size_t i = 0; i < u->n; i++) {
        free(u->list[i].platform);
        free(u->list[i].thing);
    }
    free(u->list);
}

static void note_use(struct uses *u, const char *platform, const char *thing, struct change c)
{
    u->list = mem_grow(u->list, u->n + 1, sizeof(*u->list));
    u->list[u->n++] = (struct use){str_new(platform), str_new(thing), c};
}

static void note_booking(struct uses *u, const char *platform, const char *thing,
                         const struct booking *b, int64_t first, int64_t second)
{
    if (b->start == b->end || (first == 0 && second == 0))
        return;
    note_use(u, platform, thing, (struct change){b->start, first, second});
    note_use(u, platform, thing, (struct change){b->end, -first, -second});
}

static int compare_things(const struct use *a, const struct use *b)
{
    const int order = strcmp(a->platform, b->platform);
    return order ? order : strcmp(a->thing, b->thing);
}

static int compare_uses(const void *a, const void *b)
{
    const struct use *x = a, *y = b;
    const int order = compare_things(x, y);
    return order ? order : (x->c.time > y->c.time) - (x->c.time < y->c.time);
}

/* In order, with what changes at one moment in one, and nothing that comes to nothing. */
static void add_up_uses(struct uses *u)
{
    size_t n = 0;
    if (u->n)
        qsort(u->list, u->n, sizeof(*u->list), compare_uses);
    for (size_t i = 0; i < u->n;) {
        struct use sum = u->list[i++];
        for (; i < u->n && compare_uses(&sum, &u->list[i]) == 0; i++) {
            sum.c.first += u->list[i].c.first;
            sum.c.second += u->list[i].c.second;
            free(u->list[i].platform);
            free(u->list[i].thing);
        }
        if (sum.c.first || sum.c.second) {
            u->list[n++] = sum;
        } else {
            free(sum.platform);
            free(sum.thing);
        }
    }
    u->n = n;
}

static int read_booked(struct store *s, struct uses *u, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const char *name;
    json_t *count;
    int rc = db_ask(s, SQL_BOOKINGS_ALL, NULL, 0, &rows, err);
    while (rc >= 0 && (rc = db_next(s, rows, err)) > 0) {
        struct booking b;
        if (booking_at(rows, &b, err) < 0)
            return -1;
        const char *platform = db_text(rows, 7);
        note_booking(u, platform, THING_ROOM, &b, b.room.cores, b.room.memory);
        json_object_foreach (b.room.parts, name, count)
            note_booking(u, platform, name, &b, json_integer_value(count), 0);
        json_decref(b.room.parts);
    }
    add_up_uses(u);
    return rc;
}

/* The changes as they are kept; a row whose sum or place is wrong leaves its thing with one change
 * too many, so that it differs. */
static int read_kept(struct store *s, struct uses *u, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    int rc = db_ask(s, SQL_CHANGES_ALL, NULL, 0, &rows, err);
    while (rc >= 0 && (rc = db_next(s, rows, err)) > 0) {
        struct change *list = NULL, sum = {0};
        size_t n = 0;
        bool right = true;
        take_changes(rows, 5, &list, &n);
        for (size_t i = 0; i < n; i++) {
            right &= span_of(list[i].time) == db_int(rows, 2);
            sum.first += list[i].first;
            sum.second += list[i].second;
            note_use(u, db_text(rows, 0), db_text(rows, 1), list[i]);
        }
        if (!right || sum.first != db_int(rows, 3) || sum.second != db_int(rows, 4))
            note_use(u, db_text(rows, 0), db_text(rows, 1), sum);
        free(list);
    }
    return rc;
}

int store_sums_check(struct store *s, struct strs *wrong, struct err *err)
{
    own(uses_fini) struct uses booked = {0}, kept = {0};
    size_t i = 0, k = 0;
    if (read_booked(s, &booked, err) < 0 || read_kept(s, &kept, err) < 0)
        return -1;
    while (i < booked.n || k < kept.n) {
        const struct use *a = i < booked.n ? &booked.list[i] : NULL;
        const struct use *b = k < kept.n ? &kept.list[k] : NULL;
        const int order = !a ? 1 : !b ? -1 : compare_uses(a, b);
        if (order == 0 && a->c.first == b->c.first && a->c.second == b->c.second) {
            i++, k++;
            continue;
        }
        const struct use *which = order > 0 ? b : a; /* what is left of it is passed over */
        if (*which->thing)
            strs_print(wrong, "%s, %s", which->platform, which->thing);
        else
            strs_add(wrong, which->platform);
        while (i < booked.n && compare_things(&booked.list[i], which) <= 0)
            i++;
        while (k < kept.n && compare_things(&kept.list[k], which) <= 0)
            k++;
    }
    return 0;
}
