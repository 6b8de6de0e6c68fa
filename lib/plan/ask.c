#include <dirent.h>
#include "host/clock.h"
#include "host/driver.h"
#include "host/path.h"
#include "host/site.h"
#include "model/secret.h"
#include "net/planner.h"
#include "plan/afar.h"
#include "plan/ask.h"
#include "text/doc.h"
#include "text/uri.h"

#define PROBE_S 20

/* What a driver with its options says of now. All are asked side by side, and while platforms and
 * tasks are still being read. */
struct probe {
    char *driver;
    json_t *options;
    struct driver_call call;
    json_t *reply;  /* NULL before it is needed, and when there is none */
    struct err why; /* there is none */
    bool ended;
};

/* A platform here, or a planner elsewhere. */
struct source {
    char *name;               /* of a platform that cannot be used: its file */
    json_t *doc;              /* the platform, or NULL */
    struct probe *probe;      /* of its driver */
    struct platform platform; /* made ready of it */
    const char *rule;         /* of why it cannot be used, or NULL */
    char *trouble;            /* why, in words */
    struct planner planner;   /* when it has a URL */
    struct exchange exchange; /* with it, about the task at hand */
    json_t *offers;           /* of it, as far as they are believed */
};

static char *platforms_dir(void)
{
    own(str_fini) char *config = config_dir();
    own(str_fini) char *dir = config ? str_print("%s/platforms.d", config) : NULL;
    return dir && path_exists(dir) ? move(dir) : NULL;
}

static int is_platform_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return e->d_name[0] != '.' && dot &&
           (str_same(dot, ".yaml") || str_same(dot, ".yml") || str_same(dot, ".json"));
}

/* --- who is asked --- */

static struct source *add_source(struct ask *k, const char *name)
{
    k->list = mem_grow(k->list, k->n + 1, sizeof(*k->list));
    k->list[k->n] = (struct source){.name = str_new(name)};
    return &k->list[k->n++];
}

static bool same_options(const json_t *a, const json_t *b)
{
    return a == b || json_equal(a, b);
}

static struct probe *begin_probe(struct ask *k, const json_t *doc)
{
    const char *driver = json_text(doc, "driver");
    json_t *options = json_object_get(doc, "driver-options");
    for (size_t i = 0; i < k->nprobes; i++)
        if (str_same(k->probes[i]->driver, driver) && same_options(k->probes[i]->options, options))
            return k->probes[i];
    own(json_fini) json_t *lines = json_pack("[{s:s}]", "id", "probe");
    struct probe *p = mem_new(sizeof(*p));
    p->driver = str_new(driver);
    p->options = json_incref(options);
    driver_begin(&p->call, driver, "probe", options, lines, PROBE_S);
    k->probes = mem_grow(k->probes, k->nprobes + 1, sizeof(struct probe *));
    return k->probes[k->nprobes++] = p;
}

static void probe_free(struct probe *p)
{
    driver_call_fini(&p->call);
    free(p->driver);
    json_decref(p->options);
    json_decref(p->reply);
    free(p);
}

/* Waits for those that are still at it. */
/* A backend that is down is one whatever its platform declares. */
static void take_reply(struct probe *p, json_t *reply)
{
    const json_t *error = json_object_get(reply, "error");
    if (!error) {
        p->reply = json_incref(reply);
        return;
    }
    err_set(&p->why, CODE_UNAVAIL, "driver %s: %s", p->driver, json_text(error, "text"));
}

static void end_probes(struct ask *k)
{
    struct spawn **runs = mem_new((k->nprobes + 1) * sizeof(*runs));
    size_t n = 0;
    for (size_t i = 0; i < k->nprobes; i++)
        if (!k->probes[i]->ended)
            runs[n++] = &k->probes[i]->call.run;
    spawn_serve(runs, n);
    free(runs);
    for (size_t i = 0; i < k->nprobes; i++) {
        struct probe *p = k->probes[i];
        own(json_fini) json_t *replies = NULL;
        if (!p->ended && driver_end(&p->call, &replies, &p->why) == 0)
            take_reply(p, json_array_get(replies, 0));
        p->ended = true;
    }
}

static void add_platform(struct ask *k, const char *path)
{
    struct err why = {0};
    struct source *s = add_source(k, path);
    if (site_document(k->model, KIND_PLATFORM, path, &s->doc, &why) == 0) {
        s->probe = begin_probe(k, s->doc);
        return;
    }
    s->rule = "platform-file";
    s->trouble = str_print("%s%s%s", why.where, why.where[0] ? ": " : "", why.text);
}

static void add_localhost(struct ask *k)
{
    struct source *s = add_source(k, "localhost");
    s->doc = json_pack("{s:s,s:s}", "name", "localhost", "driver", "local");
    s->probe = begin_probe(k, s->doc);
}

static int64_t duration_ms(const char *text)
{
    struct duration d;
    const char *why;
    if (!text || duration_parse(text, &d, NULL, &why) < 0)
        return 0;
    return duration_seconds(d, (struct when){0}) * 1000;
}

static int add_planner(struct ask *k, const char *name, const char *url, int64_t timeout_ms,
                       struct err *err)
{
    own(str_fini) char *shown = uri_shown(url);
    if (uri_has_user(url))
        return err_set(err, CODE_USAGE,
                       "the URL of a planner must not name a user or password, which others would "
                       "see in offers and in the list of processes: %s",
                       shown);
    struct planner *p = &add_source(k, name ? name : url)->planner;
    p->label = name ? str_new(name) : uri_shown(url);
    p->url = str_new(url);
    p->timeout_ms = timeout_ms ? timeout_ms : ASK_TIMEOUT_MS;
    return 0;
}

/* From execdm.yaml. The command's word wins over the file's. */
static int add_row(struct ask *k, const struct asked *asked, const json_t *row, struct err *err)
{
    int64_t own_ms = duration_ms(json_text(row, "timeout"));
    return add_planner(k, json_text(row, "name"), json_text(row, "url"),
                       asked->timeout_ms ? asked->timeout_ms : own_ms, err);
}

static bool is_url(const char *name)
{
    own(str_fini) char *scheme = uri_scheme(name);
    return str_same(scheme, "http") || str_same(scheme, "https");
}

/* The file of a platform: called so, or one that says so; the caller frees. */
static char *platform_file(const char *dir, const char *name)
{
    char *path = site_file(dir, name);
    struct dirent **files = NULL;
    int n = path ? 0 : scandir(dir, &files, is_platform_file, alphasort);
    for (int f = 0; f < n; f++) {
        own(str_fini) char *file = str_print("%s/%s", dir, files[f]->d_name);
        own(json_fini) json_t *doc = NULL;
        struct err ignored;
        if (!path && doc_file(file, &doc, &ignored) == 0 && str_same(json_text(doc, "name"), name))
            path = str_new(file);
        free(files[f]);
    }
    free(files);
    return path;
}

static int add_named(struct ask *k, const struct asked *asked, const json_t *planners,
                     const char *name, struct err *err)
{
    size_t i;
    json_t *row;
    if (asked->remote && is_url(name))
        return add_planner(k, NULL, name, asked->timeout_ms, err);
    json_array_foreach (planners, i, row)
        if (str_same(json_text(row, "name"), name))
            return add_row(k, asked, row, err);
    if (strchr(name, '/') && !path_exists(name))
        return err_set(err, CODE_NOINPUT, "there is no platform file %s", name);
    own(str_fini) char *dir = platforms_dir();
    own(str_fini) char *path = strchr(name, '/') ? str_new(name)
                               : dir             ? platform_file(dir, name)
                                                 : NULL;
    if (path)
        add_platform(k, path);
    else if (str_same(name, "localhost"))
        add_localhost(k);
    else
        return err_set(
            err, CODE_NOINPUT,
            "there is no platform \"%s\" in %s%s; a file is named with a slash, like ./%s.yaml",
            name, dir ? dir : "the configuration (no platforms.d)",
            asked->remote ? ", and no such planner in execdm.yaml" : "", name);
    return 0;
}

static int add_all(struct ask *k, const struct asked *asked, const json_t *planners,
                   struct err *err)
{
    own(str_fini) char *dir = platforms_dir();
    struct dirent **files = NULL;
    size_t i;
    json_t *row;
    int n = dir ? scandir(dir, &files, is_platform_file, alphasort) : 0;
    for (int f = 0; f < n; f++) {
        own(str_fini) char *path = str_print("%s/%s", dir, files[f]->d_name);
        add_platform(k, path);
        free(files[f]);
    }
    free(files);
    if (n <= 0)
        add_localhost(k);
    json_array_foreach (planners, i, row)
        if (add_row(k, asked, row, err) < 0)
            return -1;
    return 0;
}

int ask_open(struct ask *k, struct model *model, struct store *store, const struct asked *asked,
             struct err *err)
{
    own(json_fini) json_t *site = NULL;
    *k = (struct ask){.model = model, .store = store};
    if (asked->remote && site_configuration(model, &site, err) < 0)
        return -1;
    const json_t *planners = json_object_get(site, "planners");
    for (size_t i = 0; asked->names && asked->names[i]; i++)
        if (add_named(k, asked, planners, asked->names[i], err) < 0)
            return -1;
    return k->n == 0 ? add_all(k, asked, planners, err) : 0;
}

void ask_close(struct ask *k)
{
    for (size_t i = 0; i < k->n; i++) {
        free(k->list[i].name);
        free(k->list[i].trouble);
        platform_fini(&k->list[i].platform);
        json_decref(k->list[i].doc);
        planner_fini(&k->list[i].planner);
    }
    free(k->list);
    for (size_t i = 0; i < k->nprobes; i++)
        probe_free(k->probes[i]);
    free(k->probes);
    *k = (struct ask){0};
}

/* --- a platform here --- */

/* Once, with what its driver says just now. */
static void make_ready(struct source *s)
{
    struct err why = {0};
    if (s->planner.url || s->rule || s->platform.name)
        return;
    if (s->probe->reply && platform_init(&s->platform, s->doc, s->probe->reply, &why) == 0)
        return;
    s->rule = "platform-down";
    s->trouble = str_new(s->probe->reply ? why.text : s->probe->why.text);
}

/* No driver is waited for twice. */
static void make_all_ready(struct ask *k)
{
    end_probes(k);
    for (size_t i = 0; i < k->n; i++)
        make_ready(&k->list[i]);
}

bool ask_look(struct ask *k, size_t *at, struct platform_seen *seen)
{
    make_all_ready(k);
    while (*at < k->n && k->list[*at].planner.url)
        ++*at;
    if (*at == k->n)
        return false;
    const struct source *s = &k->list[(*at)++];
    *seen = (struct platform_seen){s->doc ? json_text(s->doc, "name") : s->name, s->doc,
                                   s->rule ? NULL : &s->platform, s->trouble};
    return true;
}

/* Who asks from elsewhere hears of no platform that is not for them. */
static bool is_hidden(const struct source *s, const struct policy *policy)
{
    return policy->who.remote && s->doc && !policy_admits(policy, s->doc);
}

/* The reason names files and programs of this machine; of a file that cannot be read nobody knows
 * who it is for. */
static void tell_trouble(struct answer *a, const struct source *s)
{
    const char *name = json_text(s->doc, "name");
    if (!a->policy->who.remote)
        answer_message(a, s->doc ? name : s->name, s->rule, s->trouble);
    else if (s->doc)
        answer_message(a, name, s->rule, ASK_TROUBLE);
}

/* A NO has a reason, also where all there is was left out. */
static void tell_nothing(struct answer *a)
{
    if (a->policy->who.remote && !json_array_size(a->offers) && !json_array_size(a->messages))
        answer_message(a, NULL, "not-allowed", "there is no platform here that you may use now");
}

/* No driver is waited for while offers are being kept. */
static int ask_here(struct ask *k, struct answer *a, const struct task *task, struct err *err)
{
    int rc = 0;
    make_all_ready(k);
    for (size_t i = 0; i < k->n && rc == 0; i++) {
        const struct source *s = &k->list[i];
        if (is_hidden(s, a->policy))
            continue;
        if (s->rule)
            tell_trouble(a, s);
        else if (!s->planner.url)
            rc = answer_platform(a, k->store, task, &s->platform, clock_ms(), err);
    }
    if (rc == 0)
        tell_nothing(a);
    return answer_keep(a, k->store, rc, err);
}

/* --- a planner elsewhere --- */

static void ask_there(struct ask *k, const struct task *task)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->list[i].planner.url)
            planner_ask(&k->list[i].planner, task, &k->list[i].exchange);
}

static void wait_there(struct ask *k)
{
    struct exchange **list = mem_new((k->n + 1) * sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++)
        if (k->list[i].planner.url)
            list[n++] = &k->list[i].exchange;
    exchange_wait(list, n);
    free(list);
}

/* What it offers is kept, so that execdm-accept goes by our record of it and no client's. */
static int keep_offer(struct ask *k, struct answer *a, const struct planner *p, json_t *offer,
                      struct err *err)
{
    json_decref(secret_take(offer)); /* if it says our own: it is told again to nobody */
    json_object_set_new(offer, "name", json_sprintf("offer-%03zu", json_array_size(a->offers) + 1));
    int rc = afar_keep(k->store, a->id, offer, clock_ms(), err);
    if (rc > 0)
        json_array_append(a->offers, offer);
    if (rc != 0)
        return rc;
    own(findings_fini) struct findings one = {0};
    planner_message(p, a->messages,
                    finding_add(&one, FINDING_ERROR, "lying-offer", "",
                                "offer %s is dropped: its id is that of another offer, or of an "
                                "earlier one",
                                json_text(offer, "id")));
    return 0;
}

static int keep_offers(struct ask *k, struct answer *a, struct err *err)
{
    if (store_offers_forget(k->store, clock_ms(), err) < 0)
        return -1;
    for (size_t i = 0; i < k->n; i++) {
        const struct source *s = &k->list[i];
        size_t n;
        json_t *offer;
        json_array_foreach (s->offers, n, offer)
            if (keep_offer(k, a, &s->planner, offer, err) < 0)
                return -1;
        a->asked += json_array_size(s->offers) > 0; /* it knows the types */
    }
    return 0;
}

/* All are judged before the first is kept: a long answer takes its time, and no other writer should
 * wait for that. */
static int read_there(struct ask *k, struct answer *a, const struct task *task, struct err *err)
{
    for (size_t i = 0; i < k->n; i++) {
        struct source *s = &k->list[i];
        if (!s->planner.url)
            continue;
        s->offers = json_array();
        planner_read(&s->planner, &s->exchange, k->model, task, clock_ms() / 1000, a->policy->grace,
                     s->offers, a->messages);
    }
    if (store_begin(k->store, false, err) < 0)
        return -1;
    if (keep_offers(k, a, err) == 0)
        return store_commit(k->store, err);
    store_rollback(k->store);
    return -1;
}

static bool asks_there(const struct ask *k)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->list[i].planner.url)
            return true;
    return false;
}

int ask_task(struct ask *k, struct answer *a, const struct task *task, struct err *err)
{
    ask_there(k, task); /* they think while we do */
    int rc = ask_here(k, a, task, err);
    if (rc == 0 && asks_there(k)) {
        wait_there(k);
        rc = read_there(k, a, task, err);
    }
    for (size_t i = 0; i < k->n; i++) {
        exchange_fini(&k->list[i].exchange);
        json_decref(k->list[i].offers);
        k->list[i].offers = NULL;
    }
    return rc;
}
