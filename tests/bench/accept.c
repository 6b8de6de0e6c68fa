/* accept fill JOBS OFFERS  so many jobs that have ended and offers of one platform in the store;
 * prints the offers' ids accept live JOBS 0  so many that wait for tomorrow accept ours WRITERS
 * <IDS that many processes accept them at once, each a store of its own accept peer-fill ROWS
 * plain.db with so many rows: SQLite in WAL mode accept peer WRITERS N    that many processes write
 * N rows at once into it, each a transaction with synchronous=FULL and SQLite's busy handler ours
 * and peer print "RATE P50 P99": a second, and the seconds one took. */
#include <pwd.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "host/clock.h"
#include "plan/accept.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char offer_text[] =
    "{\"offer\":{\"name\":\"offer-001\",\"task\":\"t\",\"platform\":\"lab\",\"executable\":{"
    "\"type\":"
    "\"https://www.purl.org/ivoa.net/executable-types/python-program\",\"spec\":{\"program\":"
    "\"file:///home/somebody/"
    "p.py\"}},\"resources\":{\"compute\":[{\"name\":\"compute-001\",\"type\":"
    "\"https://www.purl.org/ivoa.net/resource-types/generic-compute\",\"spec\":{\"mincores\":1,"
    "\"maxcores\":1,\"minmemory\":1,\"maxmemory\":1}}]},\"datetime\":[{\"start\":"
    "\"2026-11-22T00:00:00Z/"
    "P7D\",\"minduration\":\"PT1H\",\"maxduration\":\"PT1H\"}]},\"private\":{"
    "\"length\":3600,\"driver\":\"local\",\"need\":{\"cores\":1000,\"memory\":1073741824},"
    "\"capacity\":{\"cores\":256000,\"memory\":1099511627776}}}";

static int fill_jobs(struct store *store, enum phase phase, size_t n, json_t *doc, struct err *err)
{
    const int64_t tomorrow = clock_ms() / 1000 + 86400;
    json_t *private = json_object_get(doc, "private");
    json_object_set_new(private, "from", json_integer(tomorrow));
    json_object_set_new(private, "to", json_integer(tomorrow + 86400));
    for (size_t i = 0; i < n; i++) {
        struct job j = {.phase = phase, .platform = "lab", .driver = "local", .doc = doc};
        j.created = j.destruction = clock_ms();
        if (phase_terminal(phase))
            j.started = j.ended = j.created;
        clock_uuid(j.id);
        if (store_job_add(store, &j, "owner", "offer accepted", err) < 0)
            return -1;
    }
    return 0;
}

static int fill_offers(struct store *store, size_t n, json_t *doc, struct err *err)
{
    json_t *private = json_object_get(doc, "private");
    const struct passwd *pw = getpwuid(geteuid());
    json_t *policy = json_pack("{s:s,s:[]}", "identity", pw ? pw->pw_name : "", "quotas");
    const int64_t from = clock_ms() / 1000;
    json_object_set_new(private, "policy", policy);
    json_object_set_new(private, "from", json_integer(from));
    json_object_set_new(private, "latest", json_integer(from + 7 * 86400));
    json_object_set_new(private, "to", json_integer(from + 7 * 86400));
    for (size_t i = 0; i < n; i++) {
        struct offer_row row = {.platform = "lab", .doc = doc};
        row.created = clock_ms();
        row.expires = row.created + 3600000;
        clock_uuid(row.id);
        clock_uuid(row.answer);
        if (store_offer_add(store, &row, err) < 0)
            return -1;
        puts(row.id);
    }
    return 0;
}

static int fill(struct store *store, enum phase phase, size_t jobs, size_t offers, struct err *err)
{
    own(json_fini) json_t *doc = json_loads(offer_text, 0, NULL);
    if (store_begin(store, false, err) < 0 || fill_jobs(store, phase, jobs, doc, err) < 0 ||
        fill_offers(store, offers, doc, err) < 0)
        return -1;
    return store_commit(store, err);
}

/* Writers take their turns; took[i] is what the i-th write took. */
struct bench {
    size_t writers, n;
    char (*ids)[UUID_TEXT];
    const char *text;
    double *took;
};

static int accept_some(const struct bench *b, size_t first)
{
    struct store store;
    struct err err = {0};
    own(identity_fini) struct identity who = {0};
    int rc = store_open(&store, &err);
    identity_local(&who);
    for (size_t i = first; i < b->n && rc == 0; i += b->writers) {
        own(job_fini) struct job job = {0};
        const double begin = now();
        rc = accept_offer(&store, b->ids[i], &who, clock_ms(), &job, &err);
        b->took[i] = now() - begin;
    }
    if (rc < 0)
        fprintf(stderr, "accept: %s\n", err.text);
    store_close(&store);
    return rc;
}

static int write_some(const struct bench *b, size_t first)
{
    sqlite3 *db;
    sqlite3_stmt *insert;
    char id[UUID_TEXT];
    int rc = sqlite3_open("plain.db", &db);
    sqlite3_busy_timeout(db, 60000);
    rc |= sqlite3_exec(db, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
    rc |= sqlite3_prepare_v2(db, "INSERT INTO jobs VALUES(?1,?2)", -1, &insert, NULL);
    for (size_t i = first; i < b->n && rc == 0; i += b->writers) {
        const double begin = now();
        rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        sqlite3_bind_text(insert, 1, clock_uuid(id), -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(insert, 2, b->text, -1, SQLITE_STATIC);
        rc |= sqlite3_step(insert) != SQLITE_DONE;
        rc |= sqlite3_reset(insert) | sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        b->took[i] = now() - begin;
    }
    if (rc)
        fprintf(stderr, "peer: %s\n", sqlite3_errmsg(db));
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return rc ? -1 : 0;
}

static int fill_plain(size_t rows, const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *insert;
    char id[UUID_TEXT];
    int rc = sqlite3_open("plain.db", &db);
    rc |= sqlite3_exec(db,
                       "PRAGMA journal_mode=WAL; CREATE TABLE jobs(id TEXT PRIMARY KEY, doc TEXT) "
                       "WITHOUT ROWID; BEGIN",
                       NULL, NULL, NULL);
    rc |= sqlite3_prepare_v2(db, "INSERT INTO jobs VALUES(?1,?2)", -1, &insert, NULL);
    for (size_t i = 0; i < rows && rc == 0; i++) {
        sqlite3_bind_text(insert, 1, clock_uuid(id), -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(insert, 2, text, -1, SQLITE_STATIC);
        rc = sqlite3_step(insert) != SQLITE_DONE;
        rc |= sqlite3_reset(insert);
    }
    rc |= sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return rc ? -1 : 0;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int at_once(struct bench *b, int (*some)(const struct bench *, size_t))
{
    int rc = 0, status;
    b->took = mmap(NULL, b->n * sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
    const double begin = now();
    for (size_t i = 0; i < b->writers; i++)
        if (fork() == 0)
            _exit(some(b, i) < 0);
    while (wait(&status) > 0)
        rc |= status;
    const double all = now() - begin;
    qsort(b->took, b->n, sizeof(double), by_size);
    printf("%.1f %.6f %.6f\n", (double)b->n / all, b->took[b->n / 2], b->took[b->n * 99 / 100]);
    return rc ? -1 : 0;
}

static int fill_store(enum phase phase, size_t jobs, size_t offers)
{
    struct store store;
    struct err err = {0};
    int rc = store_open(&store, &err);
    if (rc == 0)
        rc = fill(&store, phase, jobs, offers, &err);
    if (rc < 0)
        fprintf(stderr, "accept: %s\n", err.text);
    store_close(&store);
    return rc;
}

int main(int argc, char **argv)
{
    struct bench b = {.writers = argc > 2 ? strtoul(argv[2], NULL, 10) : 0};
    const size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    char id[UUID_TEXT + 1];
    if (argc == 4 && str_same(argv[1], "fill"))
        return fill_store(PHASE_COMPLETED, b.writers, n) < 0;
    if (argc == 4 && str_same(argv[1], "live"))
        return fill_store(PHASE_PENDING, b.writers, n) < 0;
    if (argc == 3 && str_same(argv[1], "ours")) {
        while (fgets(id, sizeof(id), stdin)) {
            b.ids = mem_grow(b.ids, b.n + 1, sizeof(*b.ids));
            snprintf(b.ids[b.n++], UUID_TEXT, "%.36s", id);
        }
        return at_once(&b, accept_some) < 0;
    }
    if (argc == 4 && str_same(argv[1], "peer")) {
        b.n = n;
        b.text = offer_text;
        return at_once(&b, write_some) < 0;
    }
    if (argc == 3 && str_same(argv[1], "peer-fill"))
        return fill_plain(b.writers, offer_text) < 0;
    return 64;
}
