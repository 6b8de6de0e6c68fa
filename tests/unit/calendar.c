/* calendar_fit against an oracle that tries every second. */
#include "plan/calendar.h"
#include "tap.h"

static bool fits_at(const struct booking *list, size_t n, struct room capacity, struct room need,
                    int64_t start, int64_t length, const char *self)
{
    if (need.cores > capacity.cores || need.memory > capacity.memory)
        return false;
    for (int64_t t = start; t < start + length; t++) {
        struct room used = need;
        for (size_t i = 0; i < n; i++) {
            if (list[i].start > t || list[i].end <= t || str_same(list[i].job, self))
                continue;
            used.cores += list[i].cores;
            used.memory += list[i].memory;
        }
        if (used.cores > capacity.cores || used.memory > capacity.memory)
            return false;
    }
    return true;
}

static int64_t oracle(const struct booking *list, size_t n, struct room capacity, struct room need,
                      int64_t from, int64_t to, int64_t length, const char *self)
{
    for (int64_t start = from; start <= to; start++)
        if (fits_at(list, n, capacity, need, start, length, self))
            return start;
    return -1;
}

/* xorshift: the same calendars everywhere, every time. */
static uint64_t seed = 88172645463325252u;

static int64_t below(int64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

static void print_case(const struct booking *list, size_t n, struct room capacity, struct room need,
                       int64_t from, int64_t to, int64_t length, const char *self)
{
    printf("# room %d/%d need %d/%d in [%d, %d] for %d, not %s\n", (int)capacity.cores,
           (int)capacity.memory, (int)need.cores, (int)need.memory, (int)from, (int)to, (int)length,
           self ? self : "-");
    for (size_t i = 0; i < n; i++)
        printf("#   %s [%d, %d) %d/%d\n", list[i].job, (int)list[i].start, (int)list[i].end,
               (int)list[i].cores, (int)list[i].memory);
}

static void test_random(size_t rounds, size_t most)
{
    size_t found = 0, refused = 0;
    for (size_t k = 0; k < rounds; k++) {
        struct booking list[16];
        size_t n = (size_t)below((int64_t)most + 1);
        for (size_t i = 0; i < n; i++) {
            list[i] = (struct booking){.start = below(30), .cores = below(4), .memory = below(4)};
            list[i].end = list[i].start + below(12);
            snprintf(list[i].job, sizeof(list[i].job), "job-%d", (int)i);
        }
        struct room capacity = {1 + below(5), 1 + below(5)}, need = {below(5), below(5)};
        int64_t from = below(35), to = from - 1 + below(20), length = below(10);
        const char *self = below(4) == 0 ? "job-0" : NULL;
        int64_t got = calendar_fit(list, n, capacity, need, from, to, length, self);
        int64_t want = oracle(list, n, capacity, need, from, to, length, self);
        found += want >= 0;
        refused += want < 0;
        if (got == want)
            continue;
        is_int(got, want, "a random calendar");
        print_case(list, n, capacity, need, from, to, length, self);
        return;
    }
    char name[80];
    snprintf(name, sizeof(name), "%zu calendars of up to %zu bookings", rounds, most);
    ok(true, name);
    ok(found > rounds / 10 && refused > rounds / 10, "some have room and some have none");
}

static void test_named(void)
{
    const struct booking two[] = {
        {.job = "a", .start = 100, .end = 200, .cores = 2, .memory = 1},
        {.job = "b", .start = 200, .end = 300, .cores = 1, .memory = 1},
    };
    const struct room all = {2, 4}, one = {1, 1}, both = {2, 1};
    static const struct room too_many = {3, 1}, too_much = {1, 5};
    is_int(calendar_fit(NULL, 0, all, both, 50, 60, 1000, NULL), 50, "an empty calendar");
    is_int(calendar_fit(two, 2, all, one, 0, 1000, 100, NULL), 0, "before, to the second");
    is_int(calendar_fit(two, 2, all, one, 0, 1000, 101, NULL), 200, "one second too long");
    is_int(calendar_fit(two, 2, all, one, 1, 1000, 100, NULL), 200, "one second too late");
    is_int(calendar_fit(two, 2, all, both, 100, 1000, 1, NULL), 300, "after both");
    is_int(calendar_fit(two, 2, all, both, 100, 300, 1, NULL), 300, "the last second allowed");
    is_int(calendar_fit(two, 2, all, both, 100, 299, 1, NULL), -1, "not after it");
    is_int(calendar_fit(two, 2, all, both, 100, 1000, 100, "b"), 200, "its own booking is none");
    is_int(calendar_fit(two, 2, all, too_many, 0, 1000, 1, NULL), -1, "more cores than there are");
    is_int(calendar_fit(two, 2, all, too_much, 0, 1000, 1, NULL), -1, "more memory");
    is_int(calendar_fit(two, 2, all, one, 10, 5, 1, NULL), -1, "a window that is none");
    is_int(calendar_fit(two, 2, all, both, 150, 150, 0, NULL), 150, "no time at all needs no room");
}

int main(void)
{
    test_named();
    test_random(20000, 3);
    test_random(20000, 8);
    test_random(5000, 16);
    return tap_end();
}
