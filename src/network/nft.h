/*
 * nf_tables messages: tables as data, elements of their sets, and questions.
 *
 * A table is a constant (struct nft_table) that nft_put_table writes into a batch as the kernel
 * wants it; its rules are rows of expressions, the form that `nft --debug=netlink` prints. A change
 * is a batch between nft_batch_begin and nft_batch_end, which the kernel does as a whole or not at
 * all. Sources: linux/netfilter/nf_tables.h, nft(8).
 */
#ifndef SKIFF_NETWORK_NFT_H
#define SKIFF_NETWORK_NFT_H

#include "network/netlink.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* An attribute of an expression: a number, text, the bytes of a value (nested as nf_tables wants
 * it), the same bare, or a verdict with the chain it leads to. Attribute 0 ends the list. */
enum nft_form { NFT_FORM_NUMBER, NFT_FORM_TEXT, NFT_FORM_VALUE, NFT_FORM_BARE, NFT_FORM_VERDICT };

struct nft_attribute {
    uint16_t type;
    enum nft_form form;
    uint32_t number; /* the number, the count of bytes, or the verdict */
    const void *at;  /* the text, bytes, or the chain's name */
};

/* One that decides is a rule's last. */
struct nft_expression {
    const char *name;
    bool decides;
    struct nft_attribute attributes[6];
};

struct nft_set {
    const char *name;
    uint32_t flags;              /* NFT_SET_* */
    uint32_t key_type, key_size; /* the type is for nft(8) only, so that it shows keys as such */
    uint32_t data_type, data_size;
    uint8_t fields[4]; /* sizes of a concatenation's parts; needed with intervals alone */
};

struct nft_chain {
    const char *name;
    const char *type; /* NULL: no base chain */
    uint32_t hook;
    int32_t priority;
    const struct nft_expression *rules;
    size_t n;
    bool foreign; /* somebody else fills it: it is made, and never flushed */
};

struct nft_table {
    uint8_t family; /* NFPROTO_* */
    const char *name;
    const struct nft_set *sets;
    size_t n_sets;
    const struct nft_chain *chains;
    size_t n_chains;
};

/* Types of nft(8), and how it puts them together. */
enum {
    NFT_TYPE_IPV4 = 7,
    NFT_TYPE_IPV6 = 8,
    NFT_TYPE_ETHER = 9,
    NFT_TYPE_PROTOCOL = 12,
    NFT_TYPE_PORT = 13,
    NFT_TYPE_IFNAME = 41,
};
#define NFT_TYPES2(a, b)    ((uint32_t)(a) << 6 | (b))
#define NFT_TYPES3(a, b, c) (NFT_TYPES2(a, b) << 6 | (c))

/* The 16 registers of four bytes. A value begins at one and takes as many as it needs; the parts of
 * a key lie one behind the other. */
#define NFT_REG(n) (NFT_REG32_00 + (n))

#define NFT_NUMBER(attribute, value)                                                               \
    {                                                                                              \
        attribute, NFT_FORM_NUMBER, value, NULL                                                    \
    }
#define NFT_TEXT(attribute, text)                                                                  \
    {                                                                                              \
        attribute, NFT_FORM_TEXT, 0, text                                                          \
    }
#define NFT_VALUE(attribute, bytes)                                                                \
    {                                                                                              \
        attribute, NFT_FORM_VALUE, sizeof(bytes) - 1, bytes                                        \
    }
/* In the processor's byte order, as is what the kernel says of a packet and did not read in it. */
#define NFT_U32(attribute, value)                                                                  \
    {                                                                                              \
        attribute, NFT_FORM_VALUE, sizeof(uint32_t), (const uint32_t[])                            \
        {                                                                                          \
            value                                                                                  \
        }                                                                                          \
    }

/* Loads. */
#define NFT_META(key, reg)                                                                         \
    {                                                                                              \
        "meta", false,                                                                             \
        {                                                                                          \
            NFT_NUMBER(NFTA_META_KEY, key), NFT_NUMBER(NFTA_META_DREG, NFT_REG(reg))               \
        }                                                                                          \
    }
#define NFT_CT(key, reg)                                                                           \
    {                                                                                              \
        "ct", false,                                                                               \
        {                                                                                          \
            NFT_NUMBER(NFTA_CT_KEY, key), NFT_NUMBER(NFTA_CT_DREG, NFT_REG(reg))                   \
        }                                                                                          \
    }
#define NFT_PAYLOAD(base, offset, size, reg)                                                       \
    {                                                                                              \
        "payload", false,                                                                          \
        {                                                                                          \
            NFT_NUMBER(NFTA_PAYLOAD_DREG, NFT_REG(reg)), NFT_NUMBER(NFTA_PAYLOAD_BASE, base),      \
                NFT_NUMBER(NFTA_PAYLOAD_OFFSET, offset), NFT_NUMBER(NFTA_PAYLOAD_LEN, size)        \
        }                                                                                          \
    }
#define NFT_IMMEDIATE(reg, bytes)                                                                  \
    {                                                                                              \
        "immediate", false,                                                                        \
        {                                                                                          \
            NFT_NUMBER(NFTA_IMMEDIATE_DREG, NFT_REG(reg)), NFT_VALUE(NFTA_IMMEDIATE_DATA, bytes)   \
        }                                                                                          \
    }
#define NFT_FIB_DESTINATION_TYPE(reg)                                                              \
    {                                                                                              \
        "fib", false,                                                                              \
        {                                                                                          \
            NFT_NUMBER(NFTA_FIB_DREG, NFT_REG(reg)),                                               \
                NFT_NUMBER(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE),                              \
                NFT_NUMBER(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR)                                       \
        }                                                                                          \
    }

/* Comparisons, with a string literal's bytes; `&` in place. */
#define NFT_COMPARE(op, reg, bytes)                                                                \
    {                                                                                              \
        "cmp", false,                                                                              \
        {                                                                                          \
            NFT_NUMBER(NFTA_CMP_SREG, NFT_REG(reg)), NFT_NUMBER(NFTA_CMP_OP, op),                  \
                NFT_VALUE(NFTA_CMP_DATA, bytes)                                                    \
        }                                                                                          \
    }
#define NFT_IS(reg, bytes)     NFT_COMPARE(NFT_CMP_EQ, reg, bytes)
#define NFT_IS_NOT(reg, bytes) NFT_COMPARE(NFT_CMP_NEQ, reg, bytes)
#define NFT_COMPARE_U32(op, reg, value)                                                            \
    {                                                                                              \
        "cmp", false,                                                                              \
        {                                                                                          \
            NFT_NUMBER(NFTA_CMP_SREG, NFT_REG(reg)), NFT_NUMBER(NFTA_CMP_OP, op),                  \
                NFT_U32(NFTA_CMP_DATA, value)                                                      \
        }                                                                                          \
    }
#define NFT_IS_U32(reg, value)     NFT_COMPARE_U32(NFT_CMP_EQ, reg, value)
#define NFT_IS_NOT_U32(reg, value) NFT_COMPARE_U32(NFT_CMP_NEQ, reg, value)
#define NFT_MASK_U32(reg, mask)                                                                    \
    {                                                                                              \
        "bitwise", false,                                                                          \
        {                                                                                          \
            NFT_NUMBER(NFTA_BITWISE_SREG, NFT_REG(reg)),                                           \
                NFT_NUMBER(NFTA_BITWISE_DREG, NFT_REG(reg)),                                       \
                NFT_NUMBER(NFTA_BITWISE_LEN, sizeof(uint32_t)), NFT_U32(NFTA_BITWISE_MASK, mask),  \
                NFT_U32(NFTA_BITWISE_XOR, 0)                                                       \
        }                                                                                          \
    }
#define NFT_MASK(reg, mask, zeros)                                                                 \
    {                                                                                              \
        "bitwise", false,                                                                          \
        {                                                                                          \
            NFT_NUMBER(NFTA_BITWISE_SREG, NFT_REG(reg)),                                           \
                NFT_NUMBER(NFTA_BITWISE_DREG, NFT_REG(reg)),                                       \
                NFT_NUMBER(NFTA_BITWISE_LEN, sizeof(mask) - 1),                                    \
                NFT_VALUE(NFTA_BITWISE_MASK, mask), NFT_VALUE(NFTA_BITWISE_XOR, zeros)             \
        }                                                                                          \
    }

/* Sets and maps. */
#define NFT_IN(set, reg)                                                                           \
    {                                                                                              \
        "lookup", false,                                                                           \
        {                                                                                          \
            NFT_TEXT(NFTA_LOOKUP_SET, set), NFT_NUMBER(NFTA_LOOKUP_SREG, NFT_REG(reg))             \
        }                                                                                          \
    }
#define NFT_NOT_IN(set, reg)                                                                       \
    {                                                                                              \
        "lookup", false,                                                                           \
        {                                                                                          \
            NFT_TEXT(NFTA_LOOKUP_SET, set), NFT_NUMBER(NFTA_LOOKUP_SREG, NFT_REG(reg)),            \
                NFT_NUMBER(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV)                                    \
        }                                                                                          \
    }
#define NFT_MAP(map, reg)                                                                          \
    {                                                                                              \
        "lookup", false,                                                                           \
        {                                                                                          \
            NFT_TEXT(NFTA_LOOKUP_SET, map), NFT_NUMBER(NFTA_LOOKUP_SREG, NFT_REG(reg)),            \
                NFT_NUMBER(NFTA_LOOKUP_DREG, NFT_REG(reg))                                         \
        }                                                                                          \
    }

/* Statements. */
#define NFT_META_SET(key, reg)                                                                     \
    {                                                                                              \
        "meta", false,                                                                             \
        {                                                                                          \
            NFT_NUMBER(NFTA_META_KEY, key), NFT_NUMBER(NFTA_META_SREG, NFT_REG(reg))               \
        }                                                                                          \
    }
#define NFT_PAYLOAD_SET(base, offset, size, reg)                                                   \
    {                                                                                              \
        "payload", false,                                                                          \
        {                                                                                          \
            NFT_NUMBER(NFTA_PAYLOAD_SREG, NFT_REG(reg)), NFT_NUMBER(NFTA_PAYLOAD_BASE, base),      \
                NFT_NUMBER(NFTA_PAYLOAD_OFFSET, offset), NFT_NUMBER(NFTA_PAYLOAD_LEN, size)        \
        }                                                                                          \
    }
/* Writes a port over one of the transport's header, whose checksum (at @checksum) follows; a rule's
 * last. */
#define NFT_PORT_SET(offset, reg, checksum)                                                        \
    {                                                                                              \
        "payload", true,                                                                           \
        {                                                                                          \
            NFT_NUMBER(NFTA_PAYLOAD_SREG, NFT_REG(reg)),                                           \
                NFT_NUMBER(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER),                       \
                NFT_NUMBER(NFTA_PAYLOAD_OFFSET, offset), NFT_NUMBER(NFTA_PAYLOAD_LEN, 2),          \
                NFT_NUMBER(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET),                         \
                NFT_NUMBER(NFTA_PAYLOAD_CSUM_OFFSET, checksum)                                     \
        }                                                                                          \
    }
#define NFT_COUNTER                                                                                \
    {                                                                                              \
        "counter", false,                                                                          \
        {                                                                                          \
            {                                                                                      \
                0, NFT_FORM_NUMBER, 0, NULL                                                        \
            }                                                                                      \
        }                                                                                          \
    }
#define NFT_VERDICT(verdict, chain)                                                                \
    {                                                                                              \
        "immediate", true,                                                                         \
        {                                                                                          \
            NFT_NUMBER(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT),                                      \
            {                                                                                      \
                NFTA_IMMEDIATE_DATA, NFT_FORM_VERDICT, (uint32_t)(verdict), chain                  \
            }                                                                                      \
        }                                                                                          \
    }
#define NFT_ACCEPT     NFT_VERDICT(NF_ACCEPT, NULL)
#define NFT_DROP       NFT_VERDICT(NF_DROP, NULL)
#define NFT_BACK       NFT_VERDICT(NFT_RETURN, NULL)
#define NFT_CALL(name) NFT_VERDICT(NFT_JUMP, name)
#define NFT_TO(name)   NFT_VERDICT(NFT_GOTO, name)
#define NFT_DNAT(ip_family, address, port)                                                         \
    {                                                                                              \
        "nat", true,                                                                               \
        {                                                                                          \
            NFT_NUMBER(NFTA_NAT_TYPE, NFT_NAT_DNAT), NFT_NUMBER(NFTA_NAT_FAMILY, ip_family),       \
                NFT_NUMBER(NFTA_NAT_REG_ADDR_MIN, NFT_REG(address)),                               \
                NFT_NUMBER(NFTA_NAT_REG_PROTO_MIN, NFT_REG(port))                                  \
        }                                                                                          \
    }
#define NFT_MASQUERADE                                                                             \
    {                                                                                              \
        "masq", true,                                                                              \
        {                                                                                          \
            {                                                                                      \
                0, NFT_FORM_NUMBER, 0, NULL                                                        \
            }                                                                                      \
        }                                                                                          \
    }

/* A change of one or more parts. The first is acknowledged. */
void nft_batch_begin(struct netlink_batch *b);
void nft_batch_end(struct netlink_batch *b);

/* Makes what is missing of a table, and fills its chains anew. */
void nft_put_table(struct netlink_batch *b, const struct nft_table *t);

/* How many users the kernel counts for a chain of @t that is whole: its rules, and who jumps. */
uint32_t nft_chain_use(const struct nft_table *t, const struct nft_chain *c);

/* Adds a rule in front of, or behind, those of a chain. */
void nft_insert_rule(struct netlink_batch *b, uint8_t family, const char *table, const char *chain,
                     const struct nft_expression *rule, size_t n);

/* An element. Keys and data are laid out as registers are: every part padded to four bytes. */
struct nft_element {
    uint8_t key[48], key_end[48], data[20];
    size_t key_size, key_end_size, data_size; /* 0: there is none */
    uint32_t flags;                           /* NFT_SET_ELEM_* */
};

/* Appends a part to a key or data: @n bytes in @room bytes, zero behind. */
void nft_key_put(struct nft_element *x, const void *bytes, size_t n, size_t room);
void nft_key_put_link(struct nft_element *x, const char *link);

/* Does @message (NFT_MSG_NEWSETELEM, DELSETELEM, GETSETELEM) with @n elements of a set. @flags:
 * those of NEWSETELEM, NLM_F_EXCL (what is there is a failure) or 0. */
void nft_put_elements(struct netlink_batch *b, unsigned message, unsigned flags,
                      const struct nft_table *t, const char *set, const struct nft_element *x,
                      size_t n);

/* The entries of a list in @m (@attribute): the one after @last (NULL: the first), or NULL. */
const struct nlattr *nft_next_in(const struct nlmsghdr *m, uint16_t attribute,
                                 const struct nlattr *last);

/* The same for the elements of an answer (NFT_MSG_NEWSETELEM); and the bytes of its key or data
 * (NFTA_SET_ELEM_KEY, _KEY_END, _DATA), exactly @n, or NULL.
 */
const struct nlattr *nft_next_element(const struct nlmsghdr *m, const struct nlattr *last);
const void *nft_element_bytes(const struct nlattr *element, uint16_t part, size_t n);

/* Questions, outside a batch: a table (NFT_MSG_NEWTABLE), all chains of all tables
 * (NFT_MSG_NEWCHAIN), all rules of a chain (NFT_MSG_NEWRULE), all elements of a set
 * (NFT_MSG_NEWSETELEM). -ENOENT. All but the first are dumps, of which a batch may have one, as its
 * last. */
void nft_get_table(struct netlink_batch *b, const struct nft_table *t);
void nft_get_chains(struct netlink_batch *b);
void nft_get_rules(struct netlink_batch *b, uint8_t family, const char *table, const char *chain);
void nft_get_elements(struct netlink_batch *b, const struct nft_table *t, const char *set);

/* Whether @m is a message of nf_tables of type @message; its family; and text of it, or "". */
bool nft_is(const struct nlmsghdr *m, unsigned message);
uint8_t nft_family(const struct nlmsghdr *m);
const char *nft_text(const struct nlmsghdr *m, uint16_t attribute);
uint32_t nft_number(const struct nlmsghdr *m, uint16_t attribute);

#endif
