#include "slurm.h"
#include "text/size.h"
#include "text/write.h"

/* Cores and memory of all nodes of the partition, each once, that are not down or drained; and what
 * one job may have, which has one node: what is there on that with the most cores, and of several
 * such the most memory. One node's cores with another's memory are nowhere. */
static int probe_nodes(json_t *reply, json_t *facts, const struct call *call, struct err *err)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    int64_t cores = 0, megabytes = 0, idle = 0, maxcores = 0, maxmegabytes = 0;
    const char *partition = json_text(call->config, "partition");
    strs_add(&words, "sinfo");
    strs_add(&words, "--noheader");
    strs_add(&words, "--Node");
    strs_add(&words, "--responding");
    strs_add(&words, "--format=%N|%C|%m|%P");
    if (partition)
        strs_print(&words, "--partition=%s", partition);
    if (slurm_run(&s, &words, call, err) < 0)
        return -1;
    own(json_fini) json_t *counted = json_object();
    char *row, *rest = s.out.bytes;
    while ((row = strsep(&rest, "\n"))) {
        long used, free_ones, other, all, memory;
        const size_t n = strcspn(row, "|");
        own(str_fini) char *node = str_print("%.*s", (int)n, row);
        if (sscanf(row + n, "|%ld/%ld/%ld/%ld|%ld", &used, &free_ones, &other, &all, &memory) !=
                5 ||
            all == other || json_object_get(counted, node) ||
            (!partition && row[strlen(row) - 1] != '*'))
            continue;
        json_object_set_new(counted, node, json_true());
        const int64_t usable = all - other, left = memory - SLURM_OWN_MIB;
        cores += usable;
        idle += free_ones;
        megabytes += memory;
        if (usable > maxcores || (usable == maxcores && left > maxmegabytes)) {
            maxcores = usable;
            maxmegabytes = left;
        }
    }
    if (cores == 0)
        return err_set(err, CODE_UNAVAIL, "sinfo knows no node of the partition %s that responds",
                       partition ? partition : "that is the default");
    json_object_set_new(facts, "cores", json_integer(cores));
    json_object_set_new(facts, "memory", size_json(megabytes << 20));
    json_object_set_new(facts, "maxcores", json_integer(maxcores));
    json_object_set_new(facts, "maxmemory", size_json(maxmegabytes << 20));
    json_object_set_new(
        reply, "load",
        json_pack("{s:I,s:I}", "slots", (json_int_t)cores, "free", (json_int_t)idle));
    return 0;
}

/* Or is it that, where there is no list. */
static bool is_in(const json_t *list, const json_t *text)
{
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v)
        if (json_equal(v, text))
            return true;
    return json_equal(list, text);
}

/* Time and network the supervisor keeps anywhere. Control groups this machine has been asked for,
 * and not the nodes: of those only the site can say which limits they keep. */
static json_t *capabilities(const json_t *config)
{
    static const char *const limits[] = {"cores", "memory", "processes"};
    const json_t *site = json_object_get(config, "enforced");
    json_t *enforced = json_pack("[s,s]", "network", "time"), *advisory = json_pack("[s]", "disk");
    for (size_t i = 0; i < COUNT(limits); i++) {
        json_t *limit = json_string(limits[i]);
        json_array_append_new(is_in(site, limit) ? enforced : advisory, limit);
    }
    return json_pack("{s:o,s:o,s:b}", "enforced", enforced, "advisory", advisory, "queue", true);
}

/* The runtimes are taken to be on the nodes as on this machine. */
static json_t *probe_local(const struct call *call, struct err *err)
{
    own(str_fini) char *program = spawn_find_program("execdm-driver-local");
    if (!program) {
        err_set(err, CODE_UNAVAIL, "execdm-driver-local is not installed beside the driver");
        return NULL;
    }
    char verb[] = "probe", *argv[] = {program, verb, NULL};
    own(json_fini) json_t *header =
        json_pack("{s:i,s:s,s:O*}", "execdm_driver", 1, "verb", "probe", "config", call->config);
    own(str_fini) char *text = write_string(header);
    own(str_fini) char *input = str_print("%s\n{\"id\":\"probe\"}\n", text);
    own(spawn_fini) struct spawn s = {
        .argv = argv, .input = input, .deadline_ms = call->deadline_s * 1000};
    const int rc = spawn_run(&s, err);
    json_t *reply = rc == 0 ? json_loads(s.out.bytes, 0, NULL) : NULL;
    if (rc >= 0 && !reply)
        err_set(err, CODE_UNAVAIL, "execdm-driver-local: %s", spawn_last_error(&s));
    return reply;
}

json_t *slurm_probe(const json_t *line, struct cluster *c)
{
    struct err err = {0};
    json_t *reply = probe_local(c->call, &err);
    if (!reply || probe_nodes(reply, json_object_get(reply, "facts"), c->call, &err) < 0) {
        json_decref(reply);
        return reply_error(line, "unavailable", &err);
    }
    json_object_del(json_object_get(reply, "facts"), "extras"); /* of this machine, not the nodes */
    size_t queued = 0;
    for (size_t i = 0; i < c->now.n; i++)
        queued += str_same(c->now.list[i].state, "PENDING");
    json_object_set_new(json_object_get(reply, "load"), "queued", json_integer((json_int_t)queued));
    json_object_set_new(reply, "capabilities", capabilities(c->call->config));
    json_object_set_new(reply, "name", json_string("slurm"));
    json_object_set(reply, "id", json_object_get(line, "id"));
    return reply;
}
