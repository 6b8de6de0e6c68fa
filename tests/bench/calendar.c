/* calendar fill N KIND   N bookings of the platform `lab` in the store, 8 cores of it, from now on:
 *                        full (until the end), holes (the same with holes of 8 s), room (half of
 * it) calendar ask LENGTH    asks 100 times for all 8 cores, in three windows each; prints the
 * seconds one such planning takes, fresh reading and all */
#include "host/clock.h"
#include "plan/calendar.h"

#define LANES 8
#define JOB_S 48

static const struct room all = {LANES * 1000, LANES *INT64_C(1073741824), NULL};

static int fill(struct store *store, size_t n, const char *kind, struct err *err)
{
    const int64_t now = clock_ms() / 1000, hole = str_same(kind, "holes") ? 8 : 0;
    const size_t lanes = str_same(kind, "room") ? LANES / 2 : LANES;
    const int64_t length = JOB_S * (int64_t)lanes / LANES;
    if (store_begin(store, false, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        /* no two in a row are alike: where one ends and the next begins, something changes */
        struct booking b = {.room = {1000, (int64_t)(i * 7919 % 97 + 1) << 20, NULL}};
        b.start = now + (int64_t)(i / lanes) * length + (hole ? 0 : (int64_t)(i % lanes) * 5);
        b.end = b.start + length - hole;
        b.latest = b.end;
        clock_uuid(b.job);
        if (store_booking_set(store, "lab", &b, err) < 0)
            return -1;
    }
    return store_commit(store, err);
}

/* As an answer with three periods does it. */
static int ask(struct store *store, int64_t cores, struct err *err)
{
    const int64_t now = clock_ms() / 1000, horizon = now + 7 * 86400;
    const struct room need = {cores * 1000, 1 << 20, NULL};
    own(calendar_close) struct calendar c = {0};
    if (store_begin(store, false, err) < 0)
        return -1;
    if (calendar_open(&c, store, "lab", all, now, err) < 0)
        return -1;
    for (int64_t from = now; from < now + 3; from++)
        calendar_fit(&c, need, from, horizon, 60, NULL);
    store_rollback(store);
    return calendar_check(&c, err);
}

int main(int argc, char **argv)
{
    struct store store;
    struct err err = {0};
    int rc = store_open(&store, &err);
    if (rc == 0 && argc == 4 && str_same(argv[1], "fill"))
        rc = fill(&store, strtoul(argv[2], NULL, 10), argv[3], &err);
    else if (rc == 0 && argc == 3 && str_same(argv[1], "ask")) {
        const int64_t begin = clock_ms();
        for (int i = 0; i < 100 && rc == 0; i++)
            rc = ask(&store, strtol(argv[2], NULL, 10), &err);
        printf("%.6f\n", (double)(clock_ms() - begin) / 100 / 1000);
    } else
        rc = -1;
    if (rc < 0)
        fprintf(stderr, "calendar: %s\n", err.text);
    store_close(&store);
    return rc < 0 ? 1 : 0;
}
