#include <grp.h>
#include <math.h>
#include "host/credential.h"
#include "host/site.h"
#include "plan/policy.h"
#include "store/usage.h"
#include "text/size.h"

#define GRACE "PT5M"
#define DAY 86400
#define AUTHENTICATION_TYPES "https://www.purl.org/ivoa.net/authentication-types/"

/* --- who --- */

void identity_local(struct identity *who)
{
    who->name = account_name();
    who->method = json_pack("{s:s,s:s,s:s,s:{s:s}}", "name", "local-account", "type",
                            AUTHENTICATION_TYPES "local-account", "mode", "implicit", "spec",
                            "username", who->name);
}

void identity_fini(struct identity *who)
{
    free(who->name);
    json_decref(who->method);
    *who = (struct identity){0};
}

/* Of the groups of this process, when who asks is its user. */
static bool is_member(const struct identity *who, const char *group)
{
    const struct group *g = who->remote ? NULL : getgrnam(group);
    int n = g ? getgroups(0, NULL) : 0;
    if (!g || g->gr_gid == getegid() || n <= 0)
        return g && g->gr_gid == getegid();
    gid_t gid = g->gr_gid, *list = mem_new((size_t)n * sizeof(*list));
    bool found = false;
    n = getgroups(n, list);
    for (int i = 0; i < n; i++)
        found |= list[i] == gid;
    free(list);
    return found;
}

/* --- rights --- */

bool policy_public(const struct policy *p)
{
    const json_t *policy = json_object_get(p->site, "policy");
    return p->who.remote && !json_is_true(json_object_get(policy, "private-addresses"));
}

static bool may_use(const struct policy *p, const json_t *access, struct findings *findings)
{
    const json_t *identities = json_object_get(access, "identities");
    const json_t *groups = json_object_get(access, "groups");
    own(buf_fini) struct buf named = {0};
    size_t i;
    json_t *group;
    if ((!identities && !groups) || json_lists(identities, p->who.name))
        return true;
    json_array_foreach (groups, i, group) {
        if (is_member(&p->who, json_string_value(group)))
            return true;
        buf_print(&named, "%s%s", i ? ", " : " and the groups ", json_string_value(group));
    }
    finding_amounts(
        finding_add(findings, FINDING_ERROR, "not-allowed", "",
                    "%s may not use this platform; it is for %zu identities%s (Planner 2.3)",
                    p->who.name, json_array_size(identities), named.len ? named.bytes : ""),
        json_string(p->who.name), json_incref((json_t *)groups));
    return false;
}

/* What the platform wants enforced, and its driver does not say it enforces: that it is advisory,
 * or nothing at all (driver.md, "What a job may see"). */
static bool is_enforced(const struct platform *platform, const json_t *access,
                        struct findings *findings)
{
    const json_t *able = json_object_get(platform->probe, "capabilities");
    const json_t *kept = json_object_get(able, "enforced");
    const size_t before = findings->errors;
    size_t i;
    json_t *limit;
    json_array_foreach (json_object_get(access, "enforced"), i, limit) {
        const char *name = json_string_value(limit);
        if (json_lists(kept, name))
            continue;
        struct finding *f =
            finding_add(findings, FINDING_ERROR, "not-enforced", "",
                        "%s: the driver %s only watches this limit here, and the platform wants "
                        "it enforced",
                        name, platform->driver);
        finding_hint(f, "see execdm-isolation(7) for what the site does to have it enforced");
    }
    return findings->errors == before;
}

bool policy_allows(const struct policy *p, const struct platform *platform,
                   struct findings *findings)
{
    const json_t *access = json_object_get(platform->doc, "policy");
    const bool may = may_use(p, access, findings);
    return is_enforced(platform, access, findings) && may;
}

bool policy_admits(const struct policy *p, const json_t *platform)
{
    own(findings_fini) struct findings ignored = {0};
    return may_use(p, json_object_get(platform, "policy"), &ignored);
}

/* --- quotas --- */

static void print_cores(int64_t milli, char text[SIZE_TEXT])
{
    snprintf(text, SIZE_TEXT, "%g", (double)milli / 1000);
}

static void print_memory(int64_t bytes, char text[SIZE_TEXT])
{
    size_print(bytes, text);
}

static void print_count(int64_t n, char text[SIZE_TEXT])
{
    snprintf(text, SIZE_TEXT, "%" PRId64, n);
}

static void print_hours(int64_t milli_s, char text[SIZE_TEXT])
{
    snprintf(text, SIZE_TEXT, "%.4g", (double)milli_s / 3.6e6);
}

static json_t *count_json(int64_t n)
{
    return json_integer(n);
}

static json_t *hours_json(int64_t milli_s)
{
    return json_real((double)milli_s / 3.6e6);
}

/* What is limited, by its key. Amounts are milli-cores, bytes, jobs and thousandths of core
 * seconds. */
enum limit { CORES, MEMORY, JOBS, HOURS, LIMITS };
static const struct {
    const char *key, *what, *pointer;
    void (*print)(int64_t amount, char text[SIZE_TEXT]);
    json_t *(*json)(int64_t amount); /* as documents write it */
    const char *hint;
} limits[LIMITS] = {
    [CORES] = {"cores", "cores", "/resources/compute/0/spec/mincores", print_cores, cores_json,
               "wait until a job has ended, or ask for less"},
    [MEMORY] = {"memory", "memory", "/resources/compute/0/spec/minmemory", print_memory, size_json,
                "wait until a job has ended, or ask for less"},
    [JOBS] = {"jobs", "jobs", "", print_count, count_json, "wait until a job has ended"},
    [HOURS] = {"hours", "core hours a day", "/datetime", print_hours, hours_json,
               "wait for the next day, UTC, or ask for fewer cores or less time"},
};

/* The amounts of a row of execdm.yaml; what it does not limit is left out. */
static json_t *quota_row(const json_t *quota, const char *whose)
{
    json_t *row =
        json_pack("{s:s,s:O*}", "for", whose, "platforms", json_object_get(quota, "platforms"));
    const json_t *cores = json_object_get(quota, "cores");
    const json_t *memory = json_object_get(quota, "memory");
    const json_t *jobs = json_object_get(quota, "jobs");
    const json_t *hours = json_object_get(quota, "hours");
    const char *why;
    int64_t amount;
    if (cores && cores_parse(cores, false, &amount, &why) == 0)
        json_object_set_new(row, limits[CORES].key, json_integer(amount));
    if (memory && size_parse(memory, false, &amount, &why) == 0)
        json_object_set_new(row, limits[MEMORY].key, json_integer(amount));
    if (jobs)
        json_object_set(row, limits[JOBS].key, (json_t *)jobs);
    if (hours)
        json_object_set_new(
            row, limits[HOURS].key,
            json_integer((json_int_t)(fmin(json_number_value(hours), 1e9) * 3.6e6)));
    return row;
}

/* How closely a quota means this identity: 2 by its name, 1 as one of a group, 0 as everyone does,
 * -1 not at all. */
static int closeness(const json_t *quota, const struct identity *who)
{
    const char *identity = json_text(quota, "identity"), *group = json_text(quota, "group");
    if (identity)
        return str_same(identity, who->name) ? 2 : -1;
    if (group)
        return is_member(who, group) ? 1 : -1;
    return 0;
}

static bool is_of(const json_t *quota, const char *platform)
{
    const json_t *platforms = json_object_get(quota, "platforms");
    return !platforms || json_lists(platforms, platform);
}

/* The quotas that mean an identity, those that mean it most closely only. */
static json_t *quotas_of(const json_t *quotas, const struct identity *who)
{
    json_t *rows = json_array(), *quota;
    size_t i;
    json_array_foreach (quotas, i, quota) {
        int close = closeness(quota, who);
        const char *group = json_text(quota, "group");
        own(str_fini) char *whose = close == 2   ? str_new(who->name)
                                    : close == 1 ? str_print("each of the group %s", group)
                                                 : str_new("everyone");
        if (close < 0)
            continue;
        json_t *row = quota_row(quota, whose);
        json_object_set_new(row, "close", json_integer(close));
        json_array_append_new(rows, row);
    }
    return rows;
}

void policy_of(struct policy *p, json_t *site, const struct identity *who)
{
    const json_t *policy = json_object_get(site, "policy");
    const char *text = json_text(policy, "grace"), *why;
    struct duration grace;
    duration_parse(text ? text : GRACE, &grace, NULL, &why);
    *p = (struct policy){.grace = duration_seconds(grace, (struct when){0}),
                         .site = json_incref(site)};
    p->who = (struct identity){str_new(who->name), json_incref(who->method), who->remote};
    p->quotas = quotas_of(json_object_get(policy, "quotas"), who);
}

int policy_open(struct policy *p, struct model *model, struct err *err)
{
    own(json_fini) json_t *site = NULL;
    own(identity_fini) struct identity who = {0};
    if (site_configuration(model, &site, err) < 0)
        return -1;
    identity_local(&who);
    policy_of(p, site, &who);
    return 0;
}

void policy_close(struct policy *p)
{
    identity_fini(&p->who);
    json_decref(p->quotas);
    json_decref(p->site);
    free(p->uploads);
    *p = (struct policy){0};
}

/* Only what means it most closely counts, platform by platform: a quota for ada is not cut short by
 * one for everyone. */
static json_t *rows_for(const struct policy *p, const char *platform)
{
    json_t *rows = json_array(), *row;
    int64_t closest = -1;
    size_t i;
    json_array_foreach (p->quotas, i, row)
        if (is_of(row, platform) && json_int(row, "close", 0) > closest)
            closest = json_int(row, "close", 0);
    json_array_foreach (p->quotas, i, row)
        if (is_of(row, platform) && json_int(row, "close", 0) == closest)
            json_array_append(rows, row);
    return rows;
}

static int64_t day_of(int64_t now)
{
    return (now - now % DAY) * 1000;
}

int quota_open(struct quota *q, const struct policy *p, struct store *store, const char *platform,
               int64_t now, struct err *err)
{
    *q = (struct quota){.rows = rows_for(p, platform)};
    if (json_array_size(q->rows) == 0 ||
        usage_held(store, p->who.name, day_of(now), &q->held, err) == 0)
        return 0;
    quota_close(q);
    return -1;
}

void quota_close(struct quota *q)
{
    json_decref(q->rows);
    json_decref(q->held);
    *q = (struct quota){0};
}

/* What is held on the platforms of a row, all together. */
static int64_t held_of(const struct quota *q, const json_t *row, enum limit limit)
{
    int64_t sum = 0;
    const char *platform;
    json_t *held;
    json_object_foreach (q->held, platform, held)
        if (is_of(row, platform))
            sum += json_int(held, limits[limit].key, 0);
    return sum;
}

static void refuse_quota(struct findings *findings, const json_t *row, enum limit limit,
                         int64_t held, int64_t asked)
{
    char most[SIZE_TEXT], used[SIZE_TEXT], more[SIZE_TEXT];
    limits[limit].print(json_int(row, limits[limit].key, 0), most);
    limits[limit].print(held, used);
    limits[limit].print(asked, more);
    struct finding *f =
        finding_add(findings, FINDING_ERROR, "quota", limits[limit].pointer,
                    "%s: %s asked for, and %s taken of the quota of %s for %s (Planner 2.3)",
                    limits[limit].what, more, used, most, json_text(row, "for"));
    finding_hint(f, "%s", limits[limit].hint);
    const int64_t left = json_int(row, limits[limit].key, 0) - held;
    finding_amounts(f, limits[limit].json(asked), limits[limit].json(left > 0 ? left : 0));
}

bool quota_allows(const struct quota *q, struct room need, int64_t length,
                  struct findings *findings)
{
    const int64_t asked[LIMITS] = {need.cores, need.memory, 1, room_core_time(need, length)};
    size_t before = findings->errors, i;
    json_t *row;
    json_array_foreach (q->rows, i, row)
        for (enum limit k = 0; k < LIMITS; k++) {
            if (!json_object_get(row, limits[k].key))
                continue;
            int64_t held = held_of(q, row, k);
            if (held + asked[k] > json_int(row, limits[k].key, 0))
                refuse_quota(findings, row, k, held, asked[k]);
        }
    return findings->errors == before;
}

static int64_t left_of(const struct quota *q, enum limit limit, int64_t least, int64_t most)
{
    size_t i;
    json_t *row;
    json_array_foreach (q->rows, i, row) {
        int64_t left = json_int(row, limits[limit].key, INT64_MAX) - held_of(q, row, limit);
        most = left < most ? left : most;
    }
    return most > least ? most : least;
}

void quota_cap(const struct quota *q, struct room need, int64_t *cores, int64_t *memory)
{
    *cores = left_of(q, CORES, need.cores, *cores);
    *memory = left_of(q, MEMORY, need.memory, *memory);
}

/* --- between offer and accept --- */

json_t *policy_private(const struct policy *p, const struct quota *q)
{
    return json_pack("{s:s,s:s,s:O,s:o*,s:s*}", "identity", p->who.name, "method",
                     json_text(p->who.method, "type"), "quotas", q->rows, "public",
                     policy_public(p) ? json_true() : NULL, "uploads", p->uploads);
}

int policy_theirs(const json_t *private, const struct identity *who, struct err *err)
{
    const json_t *kept = json_object_get(private, "policy");
    const char *name = json_text(kept, "identity"), *method = json_text(kept, "method");
    if (!str_same(name, who->name))
        return err_set(err, CODE_PERM, "the offer was made to %s, not to %s (Planner 2.3)", name,
                       who->name);
    if (method && !str_same(method, json_text(who->method, "type")))
        return err_set(err, CODE_PERM,
                       "the offer was made to %s by %s, and is accepted by the same method only "
                       "(Planner 2.3)",
                       name, method);
    return 0;
}

int policy_accept(struct store *store, const json_t *private, int64_t now, struct err *err)
{
    const json_t *kept = json_object_get(private, "policy");
    const char *name = json_text(kept, "identity");
    own(quota_close) struct quota q = {0};
    own(findings_fini) struct findings findings = {0};
    q.rows = json_incref(json_object_get(kept, "quotas"));
    if (json_array_size(q.rows) == 0)
        return 0;
    /* only where there are quotas does anybody ask: the others need not pay for it */
    if (usage_index(store, err) < 0 || usage_held(store, name, day_of(now), &q.held, err) < 0)
        return -1;
    if (quota_allows(&q, room_of(json_object_get(private, "need")), json_int(private, "length", 0),
                     &findings))
        return 0;
    return err_set(err, CODE_CONFLICT, "%s; %s", findings.list[0].text, findings.list[0].hint);
}
