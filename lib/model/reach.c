#include <arpa/inet.h>
#include "model/reach.h"

bool reach_host(const json_t *hosts, const char *host)
{
    size_t i;
    json_t *row;
    json_array_foreach (hosts, i, row) {
        const char *allowed = json_string_value(row);
        const size_t n = strlen(allowed), len = strlen(host);
        if (strcasecmp(allowed, host) == 0)
            return true;
        if (str_begins(allowed, "*.") && len > n - 1 &&
            strcasecmp(allowed + 1, host + len - (n - 1)) == 0)
            return true;
    }
    return !hosts;
}

/* Networks by their first bits (RFC 6890). */
static bool private_v4(uint32_t a)
{
    static const struct {
        uint32_t net;
        int bits;
    } nets[] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
        {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 3},
    };
    for (size_t i = 0; i < COUNT(nets); i++)
        if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return true;
    return false;
}

/* Global are 2000::/3 only; addresses of IPv4 in other dress are judged as such. */
static bool private_v6(const struct in6_addr *a)
{
    const uint8_t *b = a->s6_addr;
    const uint32_t last =
        (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
    const uint32_t to4 = (uint32_t)b[2] << 24 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 8 | b[5];
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (IN6_IS_ADDR_V4MAPPED(a) || memcmp(b, nat64, sizeof(nat64)) == 0)
        return private_v4(last);
    if (b[0] == 0x20 && b[1] == 0x02)
        return private_v4(to4);
    return (b[0] & 0xe0) != 0x20;
}

bool reach_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return private_v4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    return address->sa_family != AF_INET6 ||
           private_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

bool reach_private_name(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    const size_t n = strlen(host);
    if (strcasecmp(host, "localhost") == 0 ||
        (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0))
        return true;
    if (inet_aton(host, &v4)) /* 127.1 and 0x7f000001, too: so do those who connect */
        return private_v4(ntohl(v4.s_addr));
    return inet_pton(AF_INET6, host, &v6) == 1 && private_v6(&v6);
}
