/* fill-jobs N: puts N jobs into the store, in every phase in turn, ada's and bob's in turn, made
 * one second after the other from 2015-10-26T09:42:11.123Z on, but not in this order: ids do not
 * sort as times do. Prints a line for each, newest first: ID PHASE OWNER CREATED (ms). */
#include "store/store.h"
#include "text/json.h"

#define FIRST 1445852531123

static void make_job(struct job *j, int i, int n)
{
    static const char *const owners[] = {"ada", "bob"};
    uint8_t random[10] = {0};
    random[8] = (uint8_t)(i >> 8);
    random[9] = (uint8_t)i;
    *j = (struct job){
        .phase = (enum phase)(i % PHASE_COUNT),
        .name = str_print("job <%d> & \"more\"", i),
        .owner = str_new(owners[i / PHASE_COUNT % 2]),
        .platform = str_new("lab"),
        .driver = str_new("local"),
        .created = FIRST + i * (int64_t)1000,
        .doc = json_pack("{s:s,s:{s:s,s:{s:s}}}", "executionduration", "PT1H", "executable", "type",
                         "https://www.purl.org/ivoa.net/executable-types/python-program", "spec",
                         "program", "p.py"),
    };
    uuid_print(FIRST + (n - i) * (int64_t)1000, random, j->id);
    if (i % 7 == 0)
        json_object_set_new(j->doc, "runid", json_sprintf("run %d", i));
    if (phase_terminal(j->phase))
        j->started = j->ended = j->destruction = j->created + 500;
}

int main(int argc, char **argv)
{
    own(store_close) struct store store = {.lock = -1};
    const int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    struct err err = {0};
    int rc = store_open(&store, &err);
    if (rc == 0)
        rc = store_begin(&store, true, &err);
    for (int k = 0; rc == 0 && k < n; k++) {
        const int i = (int)(k * 7919LL % n); /* a prime: each once, in any order */
        own(job_fini) struct job j = {0};
        make_job(&j, i, n);
        rc = store_job_add(&store, &j, "owner", NULL, &err);
    }
    if (rc < 0 || store_commit(&store, &err) < 0) {
        fprintf(stderr, "fill-jobs: %s\n", err.text);
        return 1;
    }
    for (int i = n; i-- > 0;) {
        own(job_fini) struct job j = {0};
        make_job(&j, i, n);
        printf("%s %s %s %" PRId64 "\n", j.id, phase_name(j.phase), j.owner, j.created);
    }
    return 0;
}
