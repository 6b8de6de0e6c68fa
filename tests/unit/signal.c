/* lib/model/signal.c and reach.c: tokens, conditions, what a callout sends, hosts that may be
 * reached. */
#include <arpa/inet.h>
#include "model/reach.h"
#include "model/signal.h"
#include "tap.h"

#define ID "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
#define SECRET "0123456789abcdef0123456789abcdef"
#define TOKEN "017f22e279b07cc398c4dc0c0c07398f" SECRET

static void tokens(void)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {TOKEN, true},
        {SIGNAL_PATH TOKEN, true},
        {"https://a.example/x/" SIGNAL_PATH TOKEN, true},
        {"https://a.example/x/" SIGNAL_PATH TOKEN "/", false},
        {"", false},
        {SECRET, false},
        {TOKEN "0", false},
        {SIGNAL_PATH "017F22E279b07cc398c4dc0c0c07398f" SECRET, false},
    };
    char text[TOKEN_TEXT], id[UUID_TEXT], secret[SECRET_TEXT];
    is_str(signal_token(ID, SECRET, text), TOKEN, "a token");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bool good = signal_token_parse(rows[i].text, id, secret);
        ok(good == rows[i].good && (!good || (str_same(id, ID) && str_same(secret, SECRET))),
           rows[i].text);
    }
    ok(signal_secret_same(SECRET, SECRET), "the same secret");
    ok(!signal_secret_same(SECRET, "0123456789abcdef0123456789abcdee"), "another");
    ok(!signal_secret_same(SECRET, "") && !signal_secret_same(NULL, SECRET), "none");
}

static void conditions(void)
{
    static const struct {
        const char *values, *action;
    } rows[] = {
        {"{\"status\": \"COMPLETED\"}", "start"},
        {"{\"status\": \"FAILED\"}", "cancel"},
        {"{\"status\": \"RUNNING\"}", NULL},
        {"{\"status\": \"FAILED,CANCELLED\"}", NULL},
        {"{\"status\": \"COMPLETE\"}", NULL},
        {"{\"status\": \"\"}", NULL},
        {"{\"n\": 7}", "start"},
        {"{\"n\": true}", "start"},
        {"{\"n\": 7.5}", NULL},
        {"{\"n\": [7]}", NULL},
        {"{\"status\": \"FAILED\", \"n\": 7}", "cancel"},
        {"{}", NULL},
    };
    own(json_fini) json_t *trigger = json_loads(
        "{\"spec\": {\"conditions\": ["
        "{\"name\": \"status\", \"value\": \"COMPLETED\", \"action\": \"start\"},"
        "{\"name\": \"status\", \"value\": \"FAILED,CANCELLED\", \"action\": \"cancel\"},"
        "{\"name\": \"n\", \"value\": \"7,true\", \"action\": \"start\"}]}}",
        0, NULL);
    ok(signal_starts(trigger), "it starts");
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(json_fini) json_t *values = json_loads(rows[i].values, 0, NULL);
        is_str(signal_action(trigger, values), rows[i].action, rows[i].values);
    }
}

static void templates(void)
{
    static const struct {
        const char *name, *type, *content, *body;
    } rows[] = {
        {"a", "yaml", "n: {{job.name}}\nd: {{system.date}}", "n: a\nd: 1970-01-01T00:00:01.000Z"},
        {"two words", NULL, "n: {{job.name}}", "n: two words"},
        {"a: b", NULL, "n: {{job.name}}", "n: \"a: b\""},
        {"a\nb", NULL, "- {{job.name}}\n", "- \"a\\nb\"\n"},
        {"a\nb", NULL, "n: \"{{job.name}}\"", "n: \"a\\nb\""},
        {"a'\nb", NULL, "n: '{{job.name}}'", "n: 'a__b'"},
        {"a\nb: c", NULL, "n: on {{job.name}} now", "n: on a_b_ c now"},
        {"true", NULL, "n: {{job.name}}", "n: \"true\""},
        {"12", NULL, "n: {{job.name}}", "n: \"12\""},
        {"", NULL, "n: {{job.name}}", "n: \"\""},
        {"a\"b", "json", "{\"n\": {{job.name}}, \"m\": \"x {{job.name}}\"}",
         "{\"n\": \"a\\\"b\", \"m\": \"x a\\\"b\"}"},
        {"a b&c", "application/x-www-form-urlencoded", "n={{job.name}}", "n=a%20b%26c"},
        {"a\r\nb", "text", "{{job.name}}{{job.status}}", "a  bCOMPLETED"},
        {"a", "text", "{{job.link}}|{{job.ident}}|{{nobody}}|{{job.name",
         "|" ID "|{{nobody}}|{{job.name"},
        {"{{job.ident}}", "text", "{{job.name}}", "{{job.ident}}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct job j = {.id = ID, .name = (char *)rows[i].name};
        own(json_fini) json_t *callout = json_pack(
            "{s:s,s:{s:s*,s:s,s:[{s:s}]}}", "type", VALUE_UPDATE, "spec", "content-type",
            rows[i].type, "content", rows[i].content, "triggers", "state", "RUNNING,COMPLETED");
        own(json_fini) json_t *message =
            signal_message(callout, &j, "COMPLETED", (struct when){1, 0});
        is_str(json_text(message, "body"), rows[i].body, rows[i].content);
        own(json_fini) json_t *none = signal_message(callout, &j, "FAILED", (struct when){1, 0});
        ok(!none, "not set off by another status");
    }
}

static void hosts(void)
{
    static const struct {
        const char *host;
        bool private;
    } rows[] = {
        {"localhost", true},        {"a.LOCALHOST", true},
        {"127.0.0.1", true},        {"127.1", true},
        {"2130706433", true},       {"0.0.0.0", true},
        {"10.0.0.1", true},         {"172.31.255.255", true},
        {"172.32.0.1", false},      {"192.168.1.1", true},
        {"169.254.169.254", true},  {"100.64.0.1", true},
        {"224.0.0.1", true},        {"255.255.255.255", true},
        {"8.8.8.8", false},         {"::1", true},
        {"fe80::1", true},          {"fd00::1", true},
        {"::ffff:10.0.0.1", true},  {"::ffff:8.8.8.8", false},
        {"64:ff9b::a00:1", true},   {"2002:0a00:1::", true},
        {"2001:4860::8888", false}, {"example.org", false},
    };
    own(json_fini) json_t *allowed = json_pack("[s,s]", "a.example", "*.b.example");
    for (size_t i = 0; i < COUNT(rows); i++)
        ok(reach_private_name(rows[i].host) == rows[i].private, rows[i].host);
    ok(reach_host(NULL, "x.example"), "no list: all");
    ok(reach_host(allowed, "A.example") && reach_host(allowed, "x.y.b.EXAMPLE"), "allowed");
    ok(!reach_host(allowed, "b.example") && !reach_host(allowed, "xb.example") &&
           !reach_host(allowed, "x.a.example"),
       "not allowed");
    const struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    ok(reach_private((const struct sockaddr *)&here), "an address");
}

int main(void)
{
    tokens();
    conditions();
    templates();
    hosts();
    return tap_end();
}
