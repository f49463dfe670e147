SELECT credits_expect((SELECT count(*) FROM spent), cardinality($53)), holding.at
FROM holding
