/* A store of an older version is brought to a newer one, in one transaction; a newer one is
 * refused. The steps beyond what is published are the test's own. */
#include <stdlib.h>
#include <sys/stat.h>
#include "store/db.h"
#include "tap.h"

#define TO_2                                                                                       \
    "ALTER TABLE jobs ADD COLUMN extra TEXT DEFAULT 'x'; CREATE INDEX jobs_extra ON jobs(extra)"
/* holds only if extra is there, and more is not */
#define TO_3 "UPDATE jobs SET extra='y'; ALTER TABLE jobs ADD COLUMN more TEXT"
/* the second half of a step fails: the first must not stay */
#define TO_3_BROKEN TO_3 "; UPDATE no_such_table SET a=1"
#define TO_4 "CREATE TABLE a(b)"
#define TO_5_BROKEN "CREATE TABLE c(d); CREATE TABLE c(d)"

/* Brings the store `more` versions beyond ours, with `last` as the last step. */
static int migrate(struct store *s, int more, const char *last, struct err *err)
{
    const char *list[100] = {NULL};
    const int ours = db_version();
    const char *const steps[] = {TO_2, TO_3, TO_4, NULL};
    for (int i = 0; i < more; i++)
        list[ours + i] = i == more - 1 ? last : steps[i];
    return db_migrate(s, list, ours + more, err);
}

static char dir[] = "/tmp/execdm-migrate.XXXXXX";

static void add_job(struct store *s)
{
    struct err err = {0};
    struct job j = {.id = "00000000-0000-7000-8000-000000000001",
                    .platform = "lab",
                    .driver = "local",
                    .doc = json_object()};
    ok(store_begin(s, true, &err) == 0 && store_job_add(s, &j, "owner", NULL, &err) == 0 &&
           store_commit(s, &err) == 0,
       "a job is accepted by the first version");
    json_decref(j.doc);
}

static void has_job(struct store *s, const char *name)
{
    struct err err = {0};
    own(job_fini) struct job j = {0};
    ok(store_job_get(s, "00000000-0000-7000-8000-000000000001", &j, &err) == 0, name);
}

static void test_steps(void)
{
    struct err err = {0};
    own(store_close) struct store s = {.lock = -1};
    own(store_close) struct store other = {.lock = -1};
    ok(store_open(&s, &err) == 0 && store_open(&other, &err) == 0, "a new store");
    add_job(&s);
    ok(migrate(&s, 0, NULL, &err) == 0, "one of this version is left alone");
    ok(migrate(&s, 1, TO_2, &err) == 0, "one version on");
    has_job(&s, "the job is still there");
    ok(migrate(&other, 1, TO_2, &err) == 0, "another process finds it done");
    ok(migrate(&s, 2, TO_3_BROKEN, &err) < 0, "a step that fails");
    has_job(&s, "has changed nothing");
    ok(migrate(&other, 2, TO_3, &err) == 0, "not even by half: the next may be taken");
    ok(migrate(&s, 4, TO_5_BROKEN, &err) < 0, "of two steps the second fails");
    ok(migrate(&s, 3, TO_4, &err) == 0, "and the first was not kept either");
    has_job(&s, "the job has come all the way");
    err = (struct err){0};
    ok(migrate(&s, 1, TO_2, &err) < 0 && err.code == CODE_CONFIG, "a newer one is refused");
    char words[100];
    snprintf(words, sizeof(words), "is of version %d,", db_version() + 3);
    ok(strstr(err.text, words) != NULL, err.text);
    snprintf(words, sizeof(words), "knows versions up to %d", db_version() + 1);
    ok(strstr(err.text, words) != NULL, err.text);
}

static void test_newer(void)
{
    struct err err = {0};
    struct store s = {.lock = -1};
    ok(store_open(&s, &err) < 0 && err.code == CODE_CONFIG, "so do the programs");
    char words[100];
    snprintf(words, sizeof(words), "of version %d, written by a newer execdm; this one knows",
             db_version() + 3);
    ok(strstr(err.text, words) != NULL, err.text);
}

static void clean(void)
{
    static const char *const names[] = {"execdm.db", "execdm.db-wal", "execdm.db-shm", "lock",
                                        "wake"};
    char path[100];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(void)
{
    if (!ok(mkdtemp(dir) && setenv("EXECDM_STATE", dir, 1) == 0, "a place for it"))
        return tap_end();
    test_steps();
    test_newer();
    clean();
    return tap_end();
}
