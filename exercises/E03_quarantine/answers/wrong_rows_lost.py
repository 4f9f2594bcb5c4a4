def split_rows(table, schema):
    good = table[table["customer_id"].notna() & table["amount_cents"].gt(0)]
    return list(good.index), []
