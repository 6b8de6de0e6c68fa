#include "plan/signals.h"
#include "host/clock.h"
#include "model/reach.h"
#include "model/signal.h"
#include "text/uri.h"

static void refuse(struct findings *findings, const char *key, size_t i, const char *below,
                   const char *text)
{
    own(str_fini) char *pointer = str_print("/%s/%zu%s", key, i, below);
    finding_add(findings, FINDING_ERROR, key, pointer, "%s (Planner 2.5)", text);
}

/* Is the type one of those listed? Otherwise it is told. */
static bool check_type(const json_t *item, const char *const types[], const char *key, size_t i,
                       struct findings *findings)
{
    const char *type = json_text(item, "type");
    for (; *types; types++)
        if (str_same(type, *types))
            return true;
    own(str_fini) char *text = str_print("%s is nothing that is offered here", type);
    refuse(findings, key, i, "/type", text);
    return false;
}

static void check_trigger(const json_t *trigger, size_t i, struct findings *findings)
{
    static const char *const types[] = {VALUE_UPDATE, NULL};
    check_type(trigger, types, "triggers", i, findings);
}

/* What may be wrong with where a callout goes; the caller frees. */
static char *endpoint_trouble(const char *endpoint, const json_t *site)
{
    const json_t *policy = json_object_get(site, "policy");
    char id[UUID_TEXT], secret[SECRET_TEXT];
    if (!endpoint)
        return str_new("it has no endpoint");
    if (str_begins(endpoint, SIGNAL_PATH))
        return signal_token_parse(endpoint, id, secret)
                   ? NULL
                   : str_new("its endpoint is none of the triggers of this store");
    own(str_fini) char *scheme = uri_scheme(endpoint);
    own(str_fini) char *host = uri_host(endpoint);
    if ((!str_same(scheme, "http") && !str_same(scheme, "https")) || !host)
        return str_print("its endpoint is no http: or https: URL of a host");
    if (uri_has_user(endpoint))
        return str_new("its endpoint names a user");
    if (!reach_host(json_object_get(policy, "allow-hosts"), host))
        return str_print("%s is not among the hosts this site calls (allow-hosts)", host);
    if (!json_is_true(json_object_get(policy, "private-addresses")) && reach_private_name(host))
        return str_print("%s is private, and this site does not call private addresses "
                         "(private-addresses)",
                         host);
    return NULL;
}

static void check_callout(const json_t *callout, size_t i, const json_t *site,
                          struct findings *findings)
{
    static const char *const types[] = {VALUE_UPDATE, EMAIL, NULL};
    const json_t *spec = json_object_get(callout, "spec");
    const bool mail = str_same(json_text(callout, "type"), EMAIL);
    if (!check_type(callout, types, "callouts", i, findings))
        return;
    own(str_fini) char *why = mail ? NULL : endpoint_trouble(json_text(spec, "endpoint"), site);
    if (why)
        refuse(findings, "callouts", i, "/spec/endpoint", why);
    if (mail && !json_text(json_object_get(site, "policy"), "sendmail"))
        refuse(findings, "callouts", i, "/type", "this site sends no mail (sendmail)");
    else if (mail && !json_object_get(spec, "to"))
        refuse(findings, "callouts", i, "/spec", "the mail is to nobody, expected to");
}

bool signals_allow(const struct task *t, const struct policy *p, struct findings *findings)
{
    const size_t before = findings->errors;
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(t->doc, "triggers"), i, item)
        check_trigger(item, i, findings);
    json_array_foreach (json_object_get(t->doc, "callouts"), i, item)
        check_callout(item, i, p->site, findings);
    return findings->errors == before;
}

bool signals_wait(const struct task *t)
{
    size_t i;
    json_t *trigger;
    json_array_foreach (json_object_get(t->doc, "triggers"), i, trigger)
        if (signal_starts(trigger))
            return true;
    return false;
}

static bool is_taken(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        if (str_same(json_text(item, "name"), name))
            return true;
    return false;
}

/* PREFIX-NNN, the first from number on that no other has. A new reference. */
static json_t *free_name(const json_t *list, const char *prefix, size_t number)
{
    own(json_fini) json_t *name = json_sprintf("%s-%03zu", prefix, number);
    return is_taken(list, json_string_value(name)) ? free_name(list, prefix, number + 1)
                                                   : json_incref(name);
}

/* The items of a section, each with a name, and a spec; a new reference, NULL for none. */
static json_t *named(const struct task *t, const char *key, const char *prefix)
{
    json_t *list = json_object_get(t->doc, key), *item;
    size_t i;
    if (json_array_size(list) == 0)
        return NULL;
    list = json_deep_copy(list);
    json_array_foreach (list, i, item) {
        if (!json_text(item, "name"))
            json_object_set_new(item, "name", free_name(list, prefix, i + 1));
        if (!json_object_get(item, "spec"))
            json_object_set_new(item, "spec", json_object());
    }
    return list;
}

json_t *signals_triggers(const struct task *t, const struct policy *p, const char *id,
                         json_t **secrets)
{
    json_t *list = named(t, "triggers", "trigger"), *trigger;
    const char *url = json_text(p->site, "url");
    const bool slash = url && *url && url[strlen(url) - 1] == '/';
    size_t i;
    *secrets = list ? json_object() : NULL;
    json_array_foreach (list, i, trigger) {
        char secret[CHANCE_TEXT], token[TOKEN_TEXT];
        signal_token(id, clock_chance(secret), token);
        json_object_set_new(
            json_object_get(trigger, "spec"), "endpoint",
            json_sprintf("%s%s" SIGNAL_PATH "%s", url ? url : "", url && !slash ? "/" : "", token));
        json_object_set_new(*secrets, json_text(trigger, "name"), json_string(secret));
    }
    return list;
}

json_t *signals_callouts(const struct task *t)
{
    return named(t, "callouts", "callout");
}
